import { createHash } from "node:crypto";
import { BulkheadError } from "@bulkhead/core";
import { Label } from "@bulkhead/schemas";
import { z } from "zod";
import { defineConnection } from "../connection.ts";
import type { RecordPort, ToolContext, TrackerRecord } from "../context.ts";
import { defineTool, type Tool } from "../define.ts";
import { role } from "../role.ts";

const Settings = z.strictObject({
  /** Kinds of records, such as `invoice` or `ticket`. */
  kinds: z
    .array(z.string().regex(/^[a-z0-9][a-z0-9-]{0,40}$/))
    .min(1)
    .max(32)
    .default(["item"]),
  /** Labels that reading raises besides A. */
  reads: z.array(Label).default(["B"]),
});

/** Field values are scalars: a record is a row that people read. */
const Fields = z.record(
  z.string().regex(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/),
  z.union([z.string().max(4_000), z.number(), z.boolean(), z.null()]),
);

/** Records in the executor's own database. Agents write it, so its content is never trusted: reading raises A. */
export const trackerConnection = defineConnection({ kind: "tracker", settings: Settings, tools: trackerTools });

function trackerTools(connection: string, { kinds, reads }: z.output<typeof Settings>): readonly Tool[] {
  const kind = z.enum(kinds as [string, ...string[]]);
  const id = role("id", z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/));
  const labels: Label[] = ["A", ...reads];
  const base = { effects: ["state"] as const, reads: labels, tier: "AUTO+" as const, timeoutMs: 10_000 };
  const inverse = { mode: "compensate", tool: `${connection}-update` } as const;
  const scoped = (found: string) => `${connection}.${found}`;
  return [
    defineTool({
      ...base,
      name: `${connection}-create`,
      description: `Creates a record (${kinds.join(", ")}).`,
      reads: [],
      rollback: { mode: "compensate", tool: `${connection}-close` },
      input: z.strictObject({ kind, title: z.string().min(1).max(300), fields: Fields.optional() }),
      run: async ({ kind: of, title, fields }, context) => {
        const record = { id: idOf(context), kind: scoped(of), state: "open", fields: { ...fields, title }, version: 1 };
        if (!(await context.records.insert(record))) throw new BulkheadError("adapter.failed", "(the record exists)");
        return shown(record);
      },
      readBack: async (_, context) => {
        const record = await context.records.get(idOf(context));
        return record === undefined ? { found: false } : { found: true, result: shown(record) };
      },
    }),
    defineTool({
      ...base,
      name: `${connection}-update`,
      description: "Changes fields or the state of a record.",
      rollback: inverse,
      input: z.strictObject({ id, state: z.enum(["open", "closed"]).optional(), fields: Fields.optional() }),
      run: ({ id: of, state, fields }, context) =>
        change(connection, of, context, { fields: fields ?? {}, ...(state && { state }) }),
      readBack: ({ id: of }, context) => changed(connection, of, context),
    }),
    defineTool({
      ...base,
      name: `${connection}-close`,
      description: "Closes a record.",
      rollback: inverse,
      input: z.strictObject({ id }),
      run: ({ id: of }, context) => change(connection, of, context, { state: "closed", fields: {} }),
      readBack: ({ id: of }, context) => changed(connection, of, context),
    }),
    defineTool({
      ...base,
      name: `${connection}-get`,
      description: "Reads one record.",
      ...{ effects: [], tier: "AUTO" },
      input: z.strictObject({ id }),
      run: async ({ id: of }, { records }) => shown(await existing(connection, of, records)),
    }),
    defineTool({
      ...base,
      name: `${connection}-list`,
      description: `Lists records of one kind (${kinds.join(", ")}), newest first.`,
      ...{ effects: [], tier: "AUTO" },
      input: z.strictObject({
        kind,
        state: z.enum(["open", "closed"]).optional(),
        limit: z.int().min(1).max(100).optional(),
      }),
      run: async ({ kind: of, state, limit }, { records }) => {
        const found = await records.list({ kind: scoped(of), limit: limit ?? 50, ...(state && { state }) });
        return { records: found.map(shown) };
      },
    }),
  ];
}

/** The call's effect decides the id: a repeat cannot make a second record. */
function idOf({ effectId }: ToolContext): string {
  return `r-${createHash("sha256").update(effectId).digest("hex").slice(0, 16)}`;
}

function shown({ id, kind, state, fields, version }: TrackerRecord) {
  const own = Object.fromEntries(Object.entries(fields).filter(([name]) => name !== "_effect"));
  return { id, kind: kind.slice(kind.indexOf(".") + 1), state, version, fields: own };
}

async function existing(connection: string, id: string, records: RecordPort): Promise<TrackerRecord> {
  const record = await records.get(id);
  if (record?.kind.startsWith(`${connection}.`) !== true) throw new BulkheadError("adapter.failed", "(no such record)");
  return record;
}

type Change = Pick<TrackerRecord, "fields"> & { readonly state?: string };

async function change(connection: string, id: string, { records, effectId }: ToolContext, { state, fields }: Change) {
  const before = await existing(connection, id, records);
  const after = {
    ...before,
    state: state ?? before.state,
    fields: { ...before.fields, ...fields, _effect: effectId },
    version: before.version + 1,
  };
  if (!(await records.replace(after, before.version))) throw new BulkheadError("adapter.failed", "(changed meanwhile)");
  return { ...shown(after), before: { state: before.state, fields: shown(before).fields } };
}

async function changed(connection: string, id: string, { records, effectId }: ToolContext) {
  const record = await existing(connection, id, records);
  return record.fields["_effect"] === effectId ? { found: true, result: shown(record) } : "unknown";
}
