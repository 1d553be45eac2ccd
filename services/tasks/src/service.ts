import { asBulkheadError } from "@bulkhead/core";
import { DATABASES } from "@bulkhead/schemas";
import type { Runtime } from "@bulkhead/service";
import { reviewAgents } from "./agent/effects.ts";
import type { TasksConfig } from "./config.ts";
import { buryAgain } from "./dead.ts";
import { publishMove } from "./events.ts";
import { command } from "./handlers/command.ts";
import { dead } from "./handlers/dead.ts";
import { finish } from "./handlers/finish.ts";
import { next } from "./handlers/next.ts";
import { park } from "./handlers/park.ts";
import { query } from "./handlers/query.ts";
import { save } from "./handlers/save.ts";
import { refuseSubmission, submit } from "./handlers/submit.ts";
import { wake } from "./handlers/wake.ts";
import type { Tasks } from "./ports.ts";
import { withdrawAgain } from "./task/effects.ts";
import { recording } from "./task/recording.ts";
import { createWaiters } from "./waiters.ts";

const REVIEW_MS = 5_000;
/** Hosts that wait for work at one time; the wait is cheap. */
const WAITING = 1_024;

export async function startTasks(runtime: Runtime<TasksConfig>): Promise<void> {
  const store = await runtime.openStore();
  const { tasks, agents, dead: letters } = DATABASES.tasks;
  await store.checkIndexes([tasks, agents, letters]);
  const collections = {
    tasks: store.collection(tasks),
    agents: store.collection(agents),
    dead: store.collection(letters),
  };
  const recorded = recording({
    ...{ tasks: collections.tasks, clock: runtime.clock },
    publish: async (task, move) => publishMove(runtime, task, move),
    redo: async (task, move) => buryAgain({ runtime, dead: collections.dead }, task, move),
  });
  const service: Tasks = { runtime, ...collections, recording: recorded, waiters: createWaiters() };
  runtime.own({ [Symbol.asyncDispose]: () => recorded.review().catch(() => undefined) });
  listen(service);
  review(service);
}

function listen(service: Tasks): void {
  const { bus } = service.runtime;
  bus.hear("nudge", ({ values }) => {
    service.waiters.nudge(values["agent"] ?? "");
  });
  bus.serve("next", async (request) => next(service, request), { concurrency: WAITING });
  bus.serve("save", async (request) => save(service, request));
  bus.serve("park", async (request) => park(service, request));
  bus.serve("finish", async (request) => finish(service, request));
  bus.serve("wake", async (request) => wake(service, request));
  bus.serve("command", async (request) => command(service, request));
  bus.serve("queryTasks", async (request) => query(service, request));
  bus.consume("dead", async (message) => dead(service, message));
  bus.consume("submit", async (message) => submit(service, message), {
    concurrency: 8,
    deadLetter: async (message, error) => refuseSubmission(service, message, error),
  });
}

function review(service: Tasks): void {
  const timer = setInterval(() => {
    reviewAgents(service).catch((error: unknown) => {
      service.runtime.log.warn({ code: asBulkheadError(error).code }, "agents were not reviewed");
    });
    withdrawAgain(service).catch((error: unknown) => {
      service.runtime.log.warn({ code: asBulkheadError(error).code }, "what waits was not withdrawn");
    });
    service.recording.review().catch((error: unknown) => {
      service.runtime.log.warn({ code: asBulkheadError(error).code }, "the record was not reviewed");
    });
  }, REVIEW_MS);
  service.runtime.signal.addEventListener("abort", () => {
    clearInterval(timer);
  });
}
