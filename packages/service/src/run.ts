import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { type Bus, connectBus } from "@bulkhead/bus";
import {
  BulkheadError,
  type Clock,
  type Envelope,
  parseJson,
  readIdentity,
  sign,
  signingKey,
  systemClock,
  toWire,
} from "@bulkhead/core";
import { type LoadedPolicy, verifyPolicy } from "@bulkhead/policy";
import { roleOf } from "@bulkhead/schemas";
import { connectStore, type Store } from "@bulkhead/store";
import type { z } from "zod";
import { type AuditWriter, auditWriter } from "./audit.ts";
import { type BaseConfig, loadConfig } from "./config.ts";
import { type ControlReader, followControl } from "./control.ts";
import { type LabelStore, labelStore } from "./labels.ts";
import { createLog, type Logger } from "./log.ts";

/** What every service runs on. Everything in it is closed when the process ends. */
export interface Runtime<C extends BaseConfig = BaseConfig> {
  readonly config: C;
  readonly identity: string;
  /** This process: `<identity>-<8 hex digits>`, new at every start. */
  readonly instance: string;
  readonly policy: LoadedPolicy;
  readonly bus: Bus;
  readonly control: ControlReader;
  readonly labels: LabelStore;
  readonly audit: AuditWriter;
  readonly clock: Clock;
  readonly log: Logger;
  /** Aborts when the service is to end. */
  readonly signal: AbortSignal;
  /** Signs something that travels inside a message: a lease, a grant, a control value. */
  sign(type: string, body: unknown): Envelope;
  /** The signing key that the policy trusts for an identity. */
  keyOf(identity: string): string | undefined;
  /** Opens the service's own database. @throws BulkheadError `config.invalid` if the configuration names none */
  openStore(): Promise<Store>;
  /** Hands over something to be disposed at the end, last in first out. */
  own<T extends AsyncDisposable>(resource: T): T;
}

/**
 * Runs a service: reads its configuration, verifies the policy, connects, calls `start`, prints `{"ready":true}` on standard output,
 * and ends cleanly on SIGTERM, SIGINT or when its standard input closes (its supervisor died).
 * A failed start prints one sentence and exits with 1; an unexpected error later is logged and does not end the process.
 */
export async function runService<S extends z.ZodType<BaseConfig>>(
  schema: S,
  start: (runtime: Runtime<z.output<S>>) => Promise<void> | void,
): Promise<void> {
  const ending = new AbortController();
  for (const name of ["SIGTERM", "SIGINT"] as const)
    process.once(name, () => {
      ending.abort();
    });
  process.stdin
    .once("end", () => {
      ending.abort();
    })
    .once("error", () => {
      ending.abort();
    })
    .resume();
  try {
    const config = await loadConfig(schema);
    const log = createLog(config.identity, config.logLevel);
    process.on("unhandledRejection", (error) => {
      log.error({ error: toWire(error), cause: String(error) }, "unhandled rejection");
    });
    await using stack = new AsyncDisposableStack();
    const runtime = await createRuntime(config, log, ending.signal, stack);
    await start(runtime);
    await runtime.audit.record("service.started", { policyEpoch: runtime.policy.epoch });
    const beat = setInterval(() => {
      sendBeat(runtime);
    }, BEAT_MS);
    process.stdout.write(`${JSON.stringify({ ready: true, identity: config.identity, instance: runtime.instance })}\n`);
    await aborted(ending.signal);
    clearInterval(beat);
  } catch (error) {
    if (!ending.signal.aborted) {
      const { code, message } = toWire(error);
      process.stderr.write(`${JSON.stringify({ level: 60, code, msg: message, cause: causeOf(error) })}\n`);
      process.exitCode = 1;
    }
  }
  process.stdin.destroy();
  setTimeout(() => process.exit(), EXIT_MS).unref();
}

const BEAT_MS = 1_000;
const EXIT_MS = 3_000;

async function createRuntime<C extends BaseConfig>(
  config: C,
  log: Logger,
  signal: AbortSignal,
  stack: AsyncDisposableStack,
): Promise<Runtime<C>> {
  const keys = await readIdentity(config.keyFile);
  if (keys.identity !== config.identity)
    throw new BulkheadError("config.invalid", "(the key file is another identity's)");
  const policy = verifyPolicy(
    parseJson(await readPolicyFile(config.policyFile), { maxBytes: MAX_POLICY_BYTES }),
    config.adminKey,
  );
  const key = signingKey(keys.signingSeed);
  const keyOf = (identity: string): string | undefined => policy.policy.trust[identity]?.signing;
  if (keyOf(config.identity) !== key.publicKey)
    throw new BulkheadError("policy.missing", "(it does not trust this service's key: sign it again)");
  const clock = systemClock;
  const instance = `${config.identity}-${randomBytes(4).toString("hex")}`;
  const bus = stack.use(
    await connectBus({
      url: config.nats.url,
      identity: keys,
      trust: policy.policy.trust,
      clock,
      signal,
      ...(config.nats.caFile !== undefined && { ca: await readFile(config.nats.caFile, "utf8") }),
      onEvent: (event) => {
        log.warn(
          { event: event.kind, subject: "subject" in event ? event.subject : undefined, ...errorOf(event) },
          "bus",
        );
      },
    }),
  );
  const audit = auditWriter({
    instance,
    clock,
    signal: new AbortController().signal,
    publish: async (entry, id) => {
      await bus.publish("audit", entry, { id });
    },
  });
  const control = await followControl({
    bucket: bus.bucket("control"),
    clock,
    keyOf,
    live: roleOf(config.identity) === "host",
    rejected: (name, code) => {
      log.warn({ key: name, code }, "control value refused");
    },
  });
  return {
    config,
    identity: config.identity,
    instance,
    policy,
    bus,
    control,
    labels: labelStore(bus.bucket("labels")),
    audit,
    clock,
    log,
    signal,
    keyOf,
    sign: (type, body) => sign(key, config.identity, type, body, { clock }),
    own: (resource) => stack.use(resource),
    openStore: async () => {
      if (config.mongo === undefined || keys.mongo === undefined)
        throw new BulkheadError("config.invalid", "(no database is configured)");
      const { url, db, caFile } = config.mongo;
      return stack.use(await connectStore({ url, db, ...keys.mongo, ...(caFile !== undefined && { caFile }) }));
    },
  };
}

const MAX_POLICY_BYTES = 8 * 1024 * 1024;

async function readPolicyFile(file: string): Promise<Uint8Array> {
  return await readFile(file).catch((cause: unknown) => {
    throw new BulkheadError("policy.missing", `(${file})`, { cause });
  });
}

function sendBeat(runtime: Runtime): void {
  if (roleOf(runtime.identity) === undefined) return;
  const revision = runtime.control.view().values.size;
  runtime.bus.send("beat", { instance: runtime.instance, revision, at: runtime.clock.now() });
}

function errorOf(event: object): { code?: string; detail?: string } {
  if (!("error" in event)) return {};
  const { code, message } = toWire(event.error);
  return { code, detail: message };
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

function causeOf(error: unknown): string | undefined {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  return cause instanceof Error ? cause.stack?.split("\n").slice(0, 3).join(" ") : String(cause);
}
