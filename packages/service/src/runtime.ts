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
import type { Store } from "@bulkhead/store";
import { type AuditWriter, auditWriter } from "./audit.ts";
import { sendLastBeat } from "./beat.ts";
import type { BaseConfig } from "./config.ts";
import { type ControlReader, followControl } from "./control.ts";
import { type LabelStore, labelStore } from "./labels.ts";
import type { Logger } from "./log.ts";
import { openOwnStore } from "./store.ts";

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
  /** Opens the service's own database. @throws BulkheadError `config.invalid` if none is configured, or its user may do too much */
  openStore(): Promise<Store>;
  /** Hands over something to be disposed at the end, last in first out. */
  own<T extends AsyncDisposable>(resource: T): T;
}

/** What a runtime is made of. */
export interface RuntimeParts<C extends BaseConfig> {
  readonly config: C;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly stack: AsyncDisposableStack;
}

const MAX_POLICY_BYTES = 8 * 1024 * 1024;

/** Reads keys and policy, connects, and follows control. @throws BulkheadError `policy.*`, `credential.*`, `bus.*`, `config.invalid` */
export async function createRuntime<C extends BaseConfig>({
  config,
  log,
  signal,
  stack,
}: RuntimeParts<C>): Promise<Runtime<C>> {
  const { identity } = config;
  const keys = await readIdentity(config.keyFile);
  if (keys.identity !== identity) throw new BulkheadError("config.invalid", "(the key file is another identity's)");
  const policy = await readPolicy(config);
  const key = signingKey(keys.signingSeed);
  const keyOf = (name: string): string | undefined => policy.policy.trust[name]?.signing;
  if (keyOf(identity) !== key.publicKey)
    throw new BulkheadError("policy.missing", "(it does not trust this service's key: sign it again)");
  const clock = systemClock;
  const instance = `${identity}-${randomBytes(4).toString("hex")}`;
  const ca = config.nats.caFile === undefined ? {} : { ca: await readFile(config.nats.caFile, "utf8") };
  const bus = stack.use(
    await connectBus({
      url: config.nats.url,
      identity: keys,
      trust: policy.policy.trust,
      clock,
      signal,
      ...ca,
      onEvent: busLog(log),
    }),
  );
  const rejected = (name: string, code: string): void => {
    log.warn({ key: name, code }, "control value refused");
  };
  const runtime: Runtime<C> = {
    config,
    identity,
    instance,
    policy,
    bus,
    clock,
    log,
    signal,
    keyOf,
    labels: labelStore(bus.bucket("labels")),
    control: await followControl({
      bucket: bus.bucket("control"),
      clock,
      policy: policy.policy,
      rejected,
      live: roleOf(identity) === "host",
    }),
    audit: auditWriter({
      instance,
      clock,
      signal: new AbortController().signal,
      publish: async (entry, id) => {
        await bus.publish("audit", entry, { id });
      },
    }),
    sign: (type, body) => sign(key, identity, type, body, { clock }),
    own: (resource) => stack.use(resource),
    openStore: async () => stack.use(await openOwnStore(config, keys.mongo, policy.policy)),
  };
  stack.defer(() => {
    sendLastBeat(runtime);
  });
  return runtime;
}

async function readPolicy(config: BaseConfig): Promise<LoadedPolicy> {
  const bytes = await readFile(config.policyFile).catch((cause: unknown) => {
    throw new BulkheadError("policy.missing", `(${config.policyFile})`, { cause });
  });
  return verifyPolicy(parseJson(bytes, { maxBytes: MAX_POLICY_BYTES, maxKeys: 200_000 }), config.adminKey);
}

function busLog(log: Logger): (event: { kind: string; subject?: string; error?: unknown }) => void {
  return ({ kind, subject, error }) => {
    log.warn({ event: kind, subject, ...(error !== undefined && toWire(error)) }, "bus");
  };
}
