import type { Received } from "@bulkhead/bus";
import { BulkheadError } from "@bulkhead/core";
import { type BodyOf, type DeadDocument, type ReplyOf, type TaskDocument, TaskState } from "@bulkhead/schemas";
import type { Tasks } from "../ports.ts";

type Reply = ReplyOf<"queryTasks">;
type Question<K extends BodyOf<"queryTasks">["kind"]> = Extract<BodyOf<"queryTasks">, { kind: K }>;

/** What operators ask. */
export async function query(service: Tasks, { body }: Received<"queryTasks">): Promise<Reply> {
  switch (body.kind) {
    case "tasks.list":
      return await list(service, body);
    case "tasks.show":
      return await show(service, body.task);
    case "tasks.counts":
      return await counts(service);
    case "tasks.dead": {
      const letters = await service.dead.find({}, { sort: { at: -1 }, limit: body.limit });
      return { kind: body.kind, dead: letters.map(deadView) };
    }
    default:
      throw new BulkheadError("query.unknown");
  }
}

async function list({ tasks }: Tasks, { state, agent, limit }: Question<"tasks.list">): Promise<Reply> {
  const filter = { ...(state && { state }), ...(agent !== undefined && { agent }) };
  const found = await tasks.find(filter, { sort: { createdAt: -1 }, limit });
  return { kind: "tasks.list", tasks: found.map((task) => taskView(task, task.labels)) };
}

async function show(service: Tasks, id: string): Promise<Reply> {
  const task = await service.tasks.findOne({ _id: id });
  if (task === undefined) throw new BulkheadError("task.unknown");
  return { kind: "tasks.show", task: taskView(task, await service.runtime.labels.of(id)) };
}

async function counts({ tasks }: Tasks): Promise<Reply> {
  const rows = await Promise.all(
    TaskState.options.map(async (state) => [state, await tasks.count({ state })] as const),
  );
  return { kind: "tasks.counts", counts: Object.fromEntries(rows.filter(([, count]) => count > 0)) };
}

function taskView(task: TaskDocument, labels: TaskDocument["labels"]) {
  const { _id: id, agent, title, state, trusted, principal, createdAt, updatedAt, attempts, epoch } = task;
  return {
    ...{ id, agent, title, state, trusted, labels, principal, createdAt, updatedAt, attempts, epoch, text: task.text },
    ...(task.parent && { parent: task.parent.task }),
    ...(task.code !== undefined && { code: task.code }),
    ...(task.result !== undefined && { result: task.result }),
    ...(task.waitingFor.length > 0 && { waitingFor: task.waitingFor }),
  };
}

function deadView({ _id: id, agent, code, at, bytes, task }: DeadDocument) {
  return { id, agent, code, at, bytes, ...(task !== undefined && { task }) };
}
