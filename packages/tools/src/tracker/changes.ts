import { BulkheadError } from "@bulkhead/core";
import type { JsonValue } from "@bulkhead/schemas";
import { z } from "zod";
import type { ToolContext } from "../context.ts";
import { defineTool, type Tool } from "../define.ts";
import { change, changed, created, existing, idOf, type Parts, partsOf, putBack, remove, shown } from "./records.ts";
import { FieldName, Fields, id, State, type Tracker } from "./shape.ts";

/** The tools that change records, and those that undo them. */
export function trackerChanges(tracker: Tracker): readonly Tool[] {
  return [create(tracker), update(tracker), close(tracker), removal(tracker), restore(tracker)];
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

/** The call of `restore` that takes a change back. */
function backTo(of: string, left: Parts, before: JsonValue) {
  return { id: of, left, back: before };
}

async function example(kind: string, context: ToolContext): Promise<string> {
  const record = { id: idOf(context), kind, state: "open", fields: { title: "Rehearsal", amount: 7 }, version: 1 };
  await context.records.insert(record);
  return record.id;
}
