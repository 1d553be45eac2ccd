import type { Received } from "@bulkhead/bus";
import { BulkheadError } from "@bulkhead/core";
import { mayAct, type ReplyOf, type TaskDocument } from "@bulkhead/schemas";
import { admit } from "../intake/admit.ts";
import type { Tasks } from "../ports.ts";
import { move } from "../task/effects.ts";

/** An operator cancels a task, or has a dead letter tried again. */
export async function command(service: Tasks, { body, issuer, id }: Received<"command">): Promise<ReplyOf<"command">> {
  assertMayCommand(service, issuer);
  const task = body.kind === "cancel" ? await cancel(service, body.task, id) : await resubmit(service, body.dead, id);
  return { task: task._id, state: task.state };
}

async function cancel(service: Tasks, id: string, entry: string): Promise<TaskDocument> {
  const moved = await move(service, id, () => [{ type: "cancelled" }], [`decision:${entry}`]);
  return moved?.after ?? (await known(service, id));
}

async function resubmit(service: Tasks, id: string, entry: string): Promise<TaskDocument> {
  const dead = await service.dead.findOne({ _id: id });
  if (dead === undefined) throw new BulkheadError("task.unknown", `(${id})`);
  if (dead.task === undefined) return await admitAgain(service, dead);
  const event = { type: "resubmitted", at: service.runtime.clock.now() } as const;
  const moved = await move(service, dead.task, () => [event], [`decision:${entry}`]);
  return moved?.after ?? (await known(service, dead.task));
}

/** The message is judged as it was when it came: its signature and all else are checked again. */
async function admitAgain(service: Tasks, dead: { _id: string; subject: string; data: string; bytes: number }) {
  const agent = /^bh\.task\.submit\.([a-z0-9-]+)$/.exec(dead.subject)?.[1];
  if (agent === undefined || dead.bytes === 0) throw new BulkheadError("task.malformed", "(it cannot be resubmitted)");
  const data = Buffer.from(dead.data, "base64");
  return await admit(service, { agent, data, defaultId: `t-${dead._id}`, sequence: 0, repeated: false });
}

async function known(service: Tasks, id: string): Promise<TaskDocument> {
  const task = await service.tasks.findOne({ _id: id });
  if (task === undefined) throw new BulkheadError("task.unknown");
  return task;
}

function assertMayCommand({ runtime }: Tasks, issuer: string): void {
  if (!mayAct(runtime.policy.policy.operators, issuer))
    throw new BulkheadError("forbidden", `(${issuer} may only look)`);
}
