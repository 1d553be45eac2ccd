import type { RecordPort, TrackerRecord } from "../context.ts";

/** Records in memory: what a tracker works on where there is no executor's database. */
export function recordsInMemory(): RecordPort {
  const all = new Map<string, TrackerRecord>();
  return {
    insert: (record) => Promise.resolve(!all.has(record.id) && all.set(record.id, record) === all),
    get: (id) => Promise.resolve(all.get(id)),
    replace: (record, expected) =>
      Promise.resolve(all.get(record.id)?.version === expected && all.set(record.id, record) === all),
    list: ({ kind, state, limit }) => {
      const found = [...all.values()].filter((each) => each.kind === kind && (state ?? each.state) === each.state);
      return Promise.resolve(found.reverse().slice(0, limit));
    },
  };
}
