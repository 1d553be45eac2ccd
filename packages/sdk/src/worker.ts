import { format } from "node:util";
import type { AgentDefinition } from "./agent.ts";
import { bulkheadTools } from "./agent-tools.ts";
import { BulkheadChatModel } from "./chat-model.ts";
import { PipeClient, type PipePort } from "./pipe-client.ts";
import { PipeError } from "./pipe-error.ts";
import { TaskSession } from "./session.ts";
import { type LoopEnd, runLoop } from "./turn/loop.ts";

/**
 * The main of a worker: takes one task from the pipe, works on it, ends. Without a definition it runs the built-in model loop.
 * `console` goes to the host's debug log, since standard output is the pipe.
 */
export async function runWorker(definition?: AgentDefinition, port: PipePort = standardPort()): Promise<void> {
  const pipe = new PipeClient(port);
  redirectConsole(pipe);
  const { start, contents } = await pipe.started;
  const session = new TaskSession(pipe, start, contents);
  const end = definition === undefined ? await runLoop(session) : await runOwn(session, definition);
  await conclude(session, end);
}

type OwnEnd = { readonly state: "answered"; readonly text: string };

async function runOwn(session: TaskSession, definition: AgentDefinition): Promise<LoopEnd | OwnEnd> {
  const { task, agent } = session.start;
  try {
    const model = new BulkheadChatModel(session);
    const text = await definition.run({ task, agent, model, tools: bulkheadTools(session), signal: session.signal });
    return { state: "answered", text };
  } catch (error) {
    return { state: "failed", code: error instanceof PipeError ? error.code : "worker.failed" };
  }
}

async function conclude(session: TaskSession, end: LoopEnd | OwnEnd): Promise<void> {
  const ref = session.lastAnswer;
  if (end.state === "answered") await session.finish("done", { result: { text: end.text } });
  if (end.state === "finished") await session.finish("done", ref === undefined ? {} : { result: { ref } });
  if (end.state === "failed") await session.finish("failed", { code: end.code });
}

function standardPort(): PipePort {
  const write = process.stdout.write.bind(process.stdout);
  return {
    input: process.stdin,
    write: (line) => {
      write(line);
    },
    closed: () => process.exit(0),
  };
}

function redirectConsole(pipe: PipeClient): void {
  const levels = { log: "info", info: "info", warn: "warn", error: "error", debug: "debug" } as const;
  for (const [method, level] of Object.entries(levels)) {
    console[method as keyof typeof levels] = (...values: unknown[]) => {
      pipe.send({ kind: "log", level, message: format(...values).slice(0, 1000) });
    };
  }
}
