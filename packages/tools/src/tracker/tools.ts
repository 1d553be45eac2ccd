import { z } from "zod";
import { defineConnection } from "../connection.ts";
import { defineTool, type Tool } from "../define.ts";
import { trackerChanges } from "./changes.ts";
import { existing, listed, shown } from "./records.ts";
import { id, State, type Tracker, TrackerSettings, trackerOf } from "./shape.ts";

/** Records in the executor's own database. Agents write it, so its content is never trusted: reading raises A. */
export const trackerConnection = defineConnection({
  kind: "tracker",
  settings: TrackerSettings,
  // A rehearsal's records lie in memory, so that the settings need no change.
  copy: (settings) => Promise.resolve(settings),
  tools: (connection, settings) => {
    const tracker = trackerOf(connection, settings);
    return [...trackerChanges(tracker), get(tracker), list(tracker)];
  },
});

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
