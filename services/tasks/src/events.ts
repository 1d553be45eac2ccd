import type { AuditEvent, TaskDocument, TaskState, UnrecordedMove } from "@bulkhead/schemas";
import type { Runtime } from "@bulkhead/service";
import type { z } from "zod";
import type { Tasks } from "./ports.ts";
import type { Moved } from "./task/effects.ts";

type State = z.infer<typeof TaskState>;

const EVENTS: Readonly<Record<State, AuditEvent>> = {
  queued: "task.woken",
  running: "task.dispatched",
  parked: "task.parked",
  done: "task.finished",
  failed: "task.failed",
  cancelled: "task.cancelled",
  dead: "task.dead",
};

/** What a move means for the record: one entry for each change of state, or of the lease's epoch. */
export function moveOf({ before, after }: Moved, causes: readonly string[]): UnrecordedMove | undefined {
  if (before.state === after.state && before.epoch === after.epoch) return undefined;
  return {
    event: eventOf(before.state, after.state),
    at: after.updatedAt,
    state: after.state,
    count: after.epoch,
    causes: [`task:${after._id}`, ...causes, ...(after.result ? [`content:${after.result}`] : [])].slice(0, 32),
    ...(after.code !== undefined && after.state !== "running" && { code: after.code }),
    ...(after.result !== undefined && { content: after.result }),
  };
}

/** Records what the move that was just made means. */
export async function taskMoved(service: Tasks, { before, after }: Moved): Promise<void> {
  const move = after.unrecorded?.at(-1);
  if (move?.at !== after.updatedAt) return;
  service.runtime.log.info({ task: after._id, agent: after.agent, from: before.state, to: after.state }, move.event);
  await service.recording.record(after, move);
}

/** The entry of a move. */
export async function publishMove({ audit }: Runtime, task: TaskDocument, move: UnrecordedMove): Promise<void> {
  const { event, state, count, causes, code, content } = move;
  const known = { ...(code !== undefined && { code }), ...(content !== undefined && { content }) };
  await audit.record(event, { ...facts(task), state, count, causes, ...known });
}

function eventOf(from: State, to: State): AuditEvent {
  if (to !== "queued") return EVENTS[to];
  if (from === "parked") return "task.woken";
  return from === "running" ? "task.failed" : "task.resubmitted";
}

export async function taskAdmitted(service: Tasks, task: TaskDocument, sequence: number): Promise<void> {
  const { parent } = task;
  service.runtime.log.info({ task: task._id, agent: task.agent, trusted: task.trusted }, "task.admitted");
  await service.runtime.audit.record("task.admitted", {
    ...facts(task),
    state: task.state,
    tier: task.ceiling,
    labels: task.labels,
    digest: task.digest,
    content: task.text,
    count: sequence,
    causes: [
      ...(parent ? [`task:${parent.task}`, `call:${parent.callId}`] : []),
      ...[task.text, ...task.attachments.map(({ ref }) => ref)].map((ref) => `content:${ref}`),
    ],
  });
}

/** What `bh.task.submit` brought cannot be a task. A forgery or a conflict is a security event besides. */
export async function taskRejected(
  service: Tasks,
  rejected: { readonly agent: string; readonly code: string; readonly digest: string; readonly bytes: number },
): Promise<void> {
  const { code, digest, bytes } = rejected;
  const agent = service.runtime.policy.agent(rejected.agent) ? { agent: rejected.agent } : {};
  const fields = { ...agent, code, digest, count: bytes };
  service.runtime.log.warn(fields, "task.rejected");
  if (code.startsWith("envelope.") || code === "forbidden")
    await service.runtime.audit.record("security.forged", fields);
  if (code === "task.conflict") await service.runtime.audit.record("security.conflict", fields);
  await service.runtime.audit.record(code === "task.conflict" ? "task.conflict" : "task.rejected", fields);
}

export async function agentMoved(service: Tasks, agent: string, state: string): Promise<void> {
  service.runtime.log.info({ agent, state }, "agent");
  await service.runtime.audit.record(state === "serving" ? "agent.started" : "agent.stopped", { agent, state });
}

function facts(task: TaskDocument) {
  return { task: task._id, agent: task.agent, principal: task.principal };
}
