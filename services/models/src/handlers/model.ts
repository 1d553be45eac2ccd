import type { Received } from "@bulkhead/bus";
import { BulkheadError, isBulkheadError, toWire } from "@bulkhead/core";
import { openLease } from "@bulkhead/policy";
import type { ModelReply, ModelRequest, Scope } from "@bulkhead/schemas";
import { ask } from "../call/course.ts";
import type { Models } from "../port.ts";

const ANSWER_MS = 1_600;

/** `bh.model.<agent>`: a host asks for a model's reply. Nobody waits long: the same id joins what is under way. */
export async function model(models: Models, { body, values }: Received<"model">): Promise<ModelReply> {
  if (body.agent !== values["agent"]) throw new BulkheadError("forbidden");
  const running = (models.running.get(body.id) as Promise<ModelReply> | undefined) ?? start(models, body);
  return await answerOrPending(running);
}

function start(models: Models, body: ModelRequest): Promise<ModelReply> {
  const run = answer(models, body).finally(() => models.running.delete(body.id));
  models.running.set(body.id, run);
  run.catch(() => undefined);
  return run;
}

async function answer(models: Models, body: ModelRequest): Promise<ModelReply> {
  try {
    assertAllowed(models, body);
    return await ask(models, body);
  } catch (error) {
    if (!isBulkheadError(error)) throw error;
    await models.record.refused(body, error.code);
    if (error.disposition === "retry") throw error;
    return { status: "refused", ...toWire(error) };
  }
}

function assertAllowed({ policy, control, clock }: Models, { lease, agent, task, id, tools }: ModelRequest): void {
  const held = openLease(policy, lease, clock.now());
  if (held.agent !== agent || held.task !== task || !id.startsWith(`${task}.`) || !id.endsWith(".m"))
    throw new BulkheadError("lease.invalid");
  const granted = policy.agent(agent)?.tools ?? {};
  for (const tool of tools) if (!Object.hasOwn(granted, tool)) throw new BulkheadError("tool.undeclared", `(${tool})`);
  const view = control.view();
  if (!view.fresh) throw new BulkheadError(view.values.has("watchdog") ? "control.stale" : "control.missing");
  const covers = (scope: Scope): boolean => scope.kind === "all" || (scope.kind === "agent" && scope.name === agent);
  if (view.get("stop", "stop")?.stops.some(({ scope }) => covers(scope))) throw new BulkheadError("control.stopped");
  if (view.get("quarantine", "quarantine")?.scopes.some(covers)) throw new BulkheadError("control.quarantined");
}

async function answerOrPending(running: Promise<ModelReply>): Promise<ModelReply> {
  const { promise, resolve } = Promise.withResolvers<ModelReply>();
  const timer = setTimeout(resolve, ANSWER_MS, { status: "pending" });
  try {
    return await Promise.race([running, promise]);
  } finally {
    clearTimeout(timer);
  }
}
