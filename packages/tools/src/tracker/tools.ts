import { BulkheadError } from "@bulkhead/core";
import { type JsonValue, Label } from "@bulkhead/schemas";
import { z } from "zod";
import { defineConnection } from "../connection.ts";
import type { ToolContext } from "../context.ts";
import { defineTool, type Tool } from "../define.ts";
import { role } from "../role.ts";
import {
  change,
  changed,
  created,
  existing,
  idOf,
  listed,
  type Parts,
  partsOf,
  putBack,
  remove,
  shown,
} from "./records.ts";

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

const FieldName = z.string().regex(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/);
/** Field values are scalars: a record is a row that people read. */
const Fields = z.record(FieldName, z.union([z.string().max(4_000), z.number(), z.boolean(), z.null()]));
const State = z.enum(["open", "closed"]);
const id = () => role("id", z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/));

/** Records in the executor's own database. Agents write it, so its content is never trusted: reading raises A. */
export const trackerConnection = defineConnection({
  kind: "tracker",
  settings: Settings,
  // A rehearsal's records lie in memory, so that the settings need no change.
  copy: (settings) => Promise.resolve(settings),
  tools: (connection, settings) => {
    const tracker = trackerOf(connection, settings);
    return [
      ...[create(tracker), update(tracker), close(tracker), get(tracker), list(tracker)],
      ...[removal(tracker), restore(tracker)],
    ];
  },
});

type Tracker = ReturnType<typeof trackerOf>;

function trackerOf(connection: string, { kinds, reads }: z.output<typeof Settings>) {
  const labels: Label[] = ["A", ...reads];
  return {
    connection,
    kinds,
    kind: z.enum(kinds as [string, ...string[]]),
    scoped: (kind: string) => `${connection}.${kind}`,
    change: { effects: ["state"] as const, reads: [], tier: "AUTO+" as const, timeoutMs: 10_000 },
    read: { effects: [], reads: labels, timeoutMs: 10_000 },
    restored: { mode: "compensate" as const, tool: `${connection}-restore` },
  };
}

function create({ connection, kinds, kind, scoped, ...tracker }: Tracker): Tool {
  return defineTool({
    ...tracker.change,
    name: `${connection}-create`,
    description: `Creates a record (${kinds.join(", ")}).`,
    sentence: "Create the {kind} {title}",
    rollback: { mode: "compensate", tool: `${connection}-remove` },
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
    state: async (_, context) => {
      const record = await created(context);
      return record === undefined ? null : { state: record.state, fields: shown(record).fields };
    },
    inverse: (_args, _before, context) => ({ id: idOf(context) }),
    rehearse: () => [{ kind: kinds[0] ?? "", title: "Rehearsal", fields: { amount: 7 } }],
  });
}

function update({ connection, kinds, scoped, ...tracker }: Tracker): Tool {
  return defineTool({
    ...tracker.change,
    name: `${connection}-update`,
    description: "Changes fields or the state of a record.",
    sentence: "Change the record {id}",
    rollback: tracker.restored,
    input: z.strictObject({ id: id(), state: State.optional(), fields: Fields.optional() }),
    run: ({ id: of, ...parts }, context) => change(connection, of, context, parts),
    readBack: ({ id: of }, context) => changed(connection, of, context),
    state: async ({ id: of, ...parts }, { records }) => partsOf(await existing(connection, of, records), parts),
    inverse: ({ id: of, ...left }, before) => backTo(of, left, before),
    rehearse: async (context) => {
      const of = await example(scoped(kinds[0] ?? ""), context);
      return [
        { id: of, fields: { amount: 8, paid: true } },
        { id: of, state: "closed" as const },
      ];
    },
  });
}

function close({ connection, kinds, scoped, ...tracker }: Tracker): Tool {
  const closed = { state: "closed" };
  return defineTool({
    ...tracker.change,
    name: `${connection}-close`,
    description: "Closes a record.",
    sentence: "Close the record {id}",
    rollback: tracker.restored,
    input: z.strictObject({ id: id() }),
    run: ({ id: of }, context) => change(connection, of, context, closed),
    readBack: ({ id: of }, context) => changed(connection, of, context),
    state: async ({ id: of }, { records }) => partsOf(await existing(connection, of, records), closed),
    inverse: ({ id: of }, before) => backTo(of, closed, before),
    rehearse: async (context) => [{ id: await example(scoped(kinds[0] ?? ""), context) }],
  });
}

function removal({ connection, ...tracker }: Tracker): Tool {
  return defineTool({
    ...tracker.change,
    name: `${connection}-remove`,
    tier: "CONFIRM",
    description: "Removes a record: no tool shows it any more.",
    sentence: "Remove the record {id}",
    input: z.strictObject({ id: id() }),
    run: ({ id: of }, context) => remove(connection, of, context),
    state: async ({ id: of }, { records }) => {
      const { state, fields } = shown(await existing(connection, of, records));
      return { state, fields };
    },
  });
}

function restore({ connection, ...tracker }: Tracker): Tool {
  const parts = { state: State.optional(), fields: Fields.optional() };
  return defineTool({
    ...tracker.change,
    name: `${connection}-restore`,
    tier: "CONFIRM",
    description:
      "Puts parts of a record back as they were before a change, if they are still as that change left them.",
    sentence: "Put the record {id} back as it was",
    input: z.strictObject({
      id: id(),
      left: z.strictObject(parts),
      back: z.strictObject({ ...parts, absent: z.array(FieldName).max(1_000).optional() }),
    }),
    run: (args, context) => putBack(connection, args, context),
    readBack: ({ id: of }, context) => changed(connection, of, context),
    state: async ({ id: of, left }, { records }) => partsOf(await existing(connection, of, records), left),
  });
}

function get({ connection, read }: Tracker): Tool {
  return defineTool({
    ...read,
    name: `${connection}-get`,
    description: "Reads one record.",
    input: z.strictObject({ id: id() }),
    run: async ({ id: of }, { records }) => shown(await existing(connection, of, records)),
  });
}

function list({ connection, kinds, kind, scoped, read }: Tracker): Tool {
  return defineTool({
    ...read,
    name: `${connection}-list`,
    description: `Lists records of one kind (${kinds.join(", ")}), newest first.`,
    input: z.strictObject({ kind, state: State.optional(), limit: z.int().min(1).max(100).optional() }),
    run: async ({ kind: of, state, limit }, { records }) => {
      const found = await listed(records, { kind: scoped(of), limit: limit ?? 50, ...(state && { state }) });
      return { records: found.map(shown) };
    },
  });
}

/** The call of `restore` that takes a change back. */
function backTo(of: string, left: Parts, before: JsonValue) {
  return { id: of, left, back: before };
}

async function example(kind: string, context: ToolContext): Promise<string> {
  const record = { id: idOf(context), kind, state: "open", fields: { title: "Rehearsal", amount: 7 }, version: 1 };
  await context.records.insert(record);
  return record.id;
}
