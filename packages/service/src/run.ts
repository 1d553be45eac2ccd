import { toWire } from "@bulkhead/core";
import type { z } from "zod";
import { startBeat } from "./beat.ts";
import { type BaseConfig, loadConfig } from "./config.ts";
import { createLog } from "./log.ts";
import { createRuntime, type Runtime } from "./runtime.ts";

const EXIT_MS = 3_000;

/**
 * Runs a service: reads its configuration, verifies the policy, connects, calls `start`, prints `{"ready":true}` on standard output,
 * and ends cleanly on SIGTERM, SIGINT or when its standard input closes (its supervisor died).
 * A failed start prints one sentence and exits with 1; an unexpected error later is logged and does not end the process.
 */
export async function runService<S extends z.ZodType<BaseConfig>>(
  schema: S,
  start: (runtime: Runtime<z.output<S>>) => Promise<void> | void,
): Promise<void> {
  const ending = endSignal();
  try {
    await serve(schema, start, ending);
  } catch (error) {
    if (!ending.aborted) reportFatal(error);
  }
  process.stdin.destroy();
  setTimeout(() => process.exit(), EXIT_MS).unref();
}

async function serve<S extends z.ZodType<BaseConfig>>(
  schema: S,
  start: (runtime: Runtime<z.output<S>>) => Promise<void> | void,
  signal: AbortSignal,
): Promise<void> {
  const config = await loadConfig(schema);
  const log = createLog(config.identity, config.logLevel);
  process.on("unhandledRejection", (error) => {
    log.error({ ...toWire(error), cause: causeOf(error) }, "unhandled rejection");
  });
  await using stack = new AsyncDisposableStack();
  const runtime = await createRuntime({ config, log, signal, stack });
  await start(runtime);
  await runtime.audit.record("service.started", { policyEpoch: runtime.policy.epoch });
  startBeat(runtime);
  process.stdout.write(`${JSON.stringify({ ready: true, identity: config.identity, instance: runtime.instance })}\n`);
  await aborted(signal);
}

function endSignal(): AbortSignal {
  const ending = new AbortController();
  const end = (): void => {
    ending.abort();
  };
  process.once("SIGTERM", end).once("SIGINT", end);
  process.stdin.once("end", end).once("error", end).resume();
  return ending.signal;
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener(
      "abort",
      () => {
        resolve();
      },
      { once: true },
    );
  });
}

function reportFatal(error: unknown): void {
  const { code, message } = toWire(error);
  process.stderr.write(`${JSON.stringify({ level: 60, code, msg: message, cause: causeOf(error) })}\n`);
  process.exitCode = 1;
}

function causeOf(error: unknown): string | undefined {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  return cause instanceof Error ? cause.stack?.split("\n").slice(0, 4).join(" ") : String(cause);
}
