import type { Clock } from "@bulkhead/core";
import type { RecordDocument } from "@bulkhead/schemas";
import type { CollectionPort } from "@bulkhead/store";
import type { RecordPort, TrackerRecord } from "@bulkhead/tools";

/** The tracker's records, each change marked with the call that made it. */
export function recordPort(records: CollectionPort<RecordDocument>, clock: Clock): (by: string) => RecordPort {
  return (by) => ({
    insert: async ({ id, ...record }) => {
      const now = clock.now();
      return (await records.insert({ _id: id, ...record, by, createdAt: now, updatedAt: now })).ok;
    },
    get: async (id) => {
      const found = await records.findOne({ _id: id });
      return found && shown(found);
    },
    replace: ({ id, state, fields, version }, expectedVersion) =>
      records.compareAndSet(
        { _id: id, version: expectedVersion },
        { set: { state, fields, version, by, updatedAt: clock.now() } },
      ),
    list: async ({ kind, state, limit }) => {
      const found = await records.find(
        { kind, ...(state !== undefined && { state }) },
        { sort: { createdAt: -1 }, limit },
      );
      return found.map(shown);
    },
  });
}

function shown({ _id, kind, state, fields, version }: RecordDocument): TrackerRecord {
  return { id: _id, kind, state, fields: fields as TrackerRecord["fields"], version };
}
