/**
 * Owns: that every move of a task is recorded at least once, whatever dies between its compare-and-set and its audit entry.
 * Does not own: what a move means for the record (`events.ts`), the move itself (`effects.ts`).
 * Invariants: S1, S10: a move is named in the document by the write that makes it, and taken off only after its entry was
 * acknowledged: with the task's next move through this process, else by a review, and never by a write that the move waits for.
 * What a dead process left is recorded again by any replica; a record may come twice.
 */
import type { Clock } from "@bulkhead/core";
import type { TaskDocument, UnrecordedMove } from "@bulkhead/schemas";
import { type CollectionPort, lt } from "@bulkhead/store";

export interface RecordingPort {
  readonly tasks: CollectionPort<TaskDocument>;
  readonly clock: Clock;
  /** Publishes the entry; resolves when it is acknowledged. */
  publish(task: TaskDocument, move: UnrecordedMove): Promise<void>;
  /** What else follows a move that its process may have died before. Must bear repetition. */
  redo(task: TaskDocument, move: UnrecordedMove): Promise<void>;
}

export interface Recording {
  /** The moves that the document names and that this process does not know to be recorded. */
  owed(task: TaskDocument): readonly UnrecordedMove[];
  /** Records a move that the document names. */
  record(task: TaskDocument, move: UnrecordedMove): Promise<void>;
  /** Takes off what was recorded, and records what has waited for longer than its process would have let it. */
  review(): Promise<void>;
}

/** The fields of a document that names these moves. */
export function naming(moves: readonly UnrecordedMove[]): Pick<TaskDocument, "unrecorded" | "unrecordedAt"> {
  const [first] = moves;
  return first === undefined ? {} : { unrecorded: [...moves], unrecordedAt: first.at };
}

/** An audit entry that takes longer belongs to a process that has died, or to a record that is away. */
const ABANDONED_MS = 8_000;

export function recording(port: RecordingPort): Recording {
  const { tasks, clock } = port;
  const [underWay, recorded] = [new Set<string>(), new Map<string, string>()];
  const keyOf = (id: string, { at }: UnrecordedMove): string => `${id} ${at}`;
  const owed = ({ _id, unrecorded = [] }: TaskDocument) => unrecorded.filter((one) => !recorded.has(keyOf(_id, one)));

  const record: Recording["record"] = async (task, move) => {
    const key = keyOf(task._id, move);
    underWay.add(key);
    try {
      await port.publish(task, move);
      recorded.set(key, task._id);
    } finally {
      underWay.delete(key);
    }
  };

  const takenOff = async (task: TaskDocument): Promise<boolean> => {
    const left = owed(task);
    return left.length === (task.unrecorded?.length ?? 0) || (await rename(tasks, task, left));
  };

  const takeOff = async (id: string): Promise<void> => {
    const known = [...recorded].filter(([, task]) => task === id);
    const task = await tasks.findOne({ _id: id });
    if (task !== undefined && !(await takenOff(task))) return;
    for (const [key] of known) recorded.delete(key);
  };

  const recordAgain = async (task: TaskDocument): Promise<void> => {
    const before = clock.now() - ABANDONED_MS;
    for (const move of owed(task)) {
      if (move.at >= before || underWay.has(keyOf(task._id, move))) continue;
      await port.redo(task, move);
      await record(task, move);
    }
  };

  return {
    owed,
    record,
    review: async () => {
      for (const task of await tasks.find({ unrecordedAt: lt(clock.now() - ABANDONED_MS) }, { limit: 100 }))
        await recordAgain(task);
      for (const id of new Set(recorded.values())) await takeOff(id);
    },
  };
}

/** A move under way that has read the old list fails, and reads again: so nothing that was taken off comes back. */
async function rename(
  tasks: CollectionPort<TaskDocument>,
  { _id, updatedAt }: TaskDocument,
  left: readonly UnrecordedMove[],
): Promise<boolean> {
  const set = { ...naming(left), updatedAt: updatedAt + 1 };
  const unset = left.length === 0 ? (["unrecorded", "unrecordedAt"] as const) : [];
  return await tasks.compareAndSet({ _id, updatedAt }, { set, unset });
}
