import { Label } from "@bulkhead/schemas";
import { z } from "zod";
import { role } from "../role.ts";

/** Settings of a tracker connection. */
export const TrackerSettings = z.strictObject({
  /** Kinds of records, such as `invoice` or `ticket`. */
  kinds: z
    .array(z.string().regex(/^[a-z0-9][a-z0-9-]{0,40}$/))
    .min(1)
    .max(32)
    .default(["item"]),
  /** Labels that reading raises besides A. */
  reads: z.array(Label).default(["B"]),
});

/** A field's name. */
export const FieldName = z.string().regex(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/);
/** Field values are scalars: a record is a row that people read. */
export const Fields = z.record(FieldName, z.union([z.string().max(4_000), z.number(), z.boolean(), z.null()]));
/** The states that agents know. */
export const State = z.enum(["open", "closed"]);
/** A record's id, as an argument. */
export const id = () => role("id", z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/));

/** What the tools of one tracker connection share. */
export type Tracker = ReturnType<typeof trackerOf>;

/** The names and kinds of a tracker connection. */
export function trackerOf(connection: string, { kinds, reads }: z.output<typeof TrackerSettings>) {
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
