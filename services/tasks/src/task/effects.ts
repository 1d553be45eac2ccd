import { BulkheadError, toWire } from "@bulkhead/core";
import type { TaskDocument } from "@bulkhead/schemas";
import { lte } from "@bulkhead/store";
import { buryTask } from "../dead.ts";
import { moveOf, taskMoved } from "../events.ts";
import type { Tasks } from "../ports.ts";
import { naming } from "./recording.ts";
import { advance, type TaskEvent } from "./task.machine.ts";

const TRIES = 8;

export interface Moved {
  readonly before: TaskDocument;
  readonly after: TaskDocument;
}

/** Decides on the task as it is now: what happened (several facts in order), or undefined if nothing. */
export type Judge = (document: TaskDocument) => readonly TaskEvent[] | undefined;

/** Load, transition, compare-and-set; then the effects of the transition. `moved` is undefined if the facts meant nothing. */
export async function move(
  service: Tasks,
  id: string,
  judge: Judge,
  causes: readonly string[] = [],
): Promise<Moved | undefined> {
  for (let tries = 0; tries < TRIES; tries++) {
    const before = await service.tasks.findOne({ _id: id });
    if (before === undefined) throw new BulkheadError("task.unknown");
    const moved = applied(service, before, judge);
    if (moved === undefined) return undefined;
    const after = named(service, before, moved, causes);
    if (!(await commit(service, before, after))) continue;
    await settle(service, { before, after });
    return { before, after };
  }
  throw new BulkheadError("store.conflict");
}

function applied(service: Tasks, before: TaskDocument, judge: Judge): TaskDocument | undefined {
  let document: TaskDocument | undefined = before;
  const events = judge(before);
  if (events === undefined) return undefined;
  for (const event of events) document = document && advance(document, event);
  if (document !== undefined && isEnded(document) && !isEnded(before)) document = { ...document, unwithdrawn: true };
  return document && { ...document, updatedAt: Math.max(service.runtime.clock.now(), before.updatedAt + 1) };
}

/** The document names the move until its record is acknowledged, and no longer those that are recorded. */
function named(service: Tasks, before: TaskDocument, moved: TaskDocument, causes: readonly string[]): TaskDocument {
  const move = moveOf({ before, after: moved }, causes);
  const owed = service.recording.owed(before);
  const after = { ...moved };
  delete after.unrecorded;
  delete after.unrecordedAt;
  return { ...after, ...naming(move === undefined ? owed : [...owed, move]) };
}

/** `updatedAt` grows with every change, so it is the version that is compared. */
async function commit(service: Tasks, before: TaskDocument, after: TaskDocument): Promise<boolean> {
  const keys = Object.keys({ ...before, ...after }) as (keyof TaskDocument)[];
  const changed = keys.filter((key) => before[key] !== after[key]);
  const set = Object.fromEntries(changed.filter((key) => after[key] !== undefined).map((key) => [key, after[key]]));
  const unset = changed.filter((key) => after[key] === undefined);
  return await service.tasks.compareAndSet({ _id: before._id, updatedAt: before.updatedAt }, { set, unset });
}

async function settle(service: Tasks, moved: Moved): Promise<void> {
  const { before, after } = moved;
  if (after.state === "queued") service.runtime.bus.send("nudge", {}, { agent: after.agent });
  if (after.state !== before.state && isLost(after)) await buryTask(service, after);
  await taskMoved(service, moved);
  if (after.state !== before.state && isEnded(after)) withdraw(service, after._id);
}

/** Nothing of a task that has ended waits for a person. `proposals` may be away: then a review says so again. */
function withdraw(service: Tasks, task: string): void {
  const { bus, log } = service.runtime;
  bus
    .request("withdraw", { task })
    .then(() => service.tasks.compareAndSet({ _id: task, unwithdrawn: true }, { unset: ["unwithdrawn"] }))
    .catch((error: unknown) => {
      log.warn({ task, ...toWire(error) }, "its proposals are not withdrawn yet");
    });
}

const WITHDRAWN_MS = 5_000;

/** What of ended tasks may still wait, since `proposals` or this service was away. */
export async function withdrawAgain(service: Tasks): Promise<void> {
  const before = lte(service.runtime.clock.now() - WITHDRAWN_MS);
  for (const { _id } of await service.tasks.find({ unwithdrawn: true, updatedAt: before }, { limit: 100 }))
    withdraw(service, _id);
}

function isEnded({ state }: TaskDocument): boolean {
  return ["done", "failed", "cancelled", "dead"].includes(state);
}

/** Nobody works on it any more, and it is not done: a human must know. */
function isLost({ state }: TaskDocument): boolean {
  return state === "dead" || state === "failed";
}
