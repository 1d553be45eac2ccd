/**
 * Owns: telling everybody, signed, how an agent's account stands (KV `control`, key `budget-<agent>`).
 * Does not own: the account. Invariants: S4: only `models` may write these keys, and the value is read from the database each
 * time; a projection that fails is tried again at the next change and at every interval.
 */
import type { Bucket } from "@bulkhead/bus";
import type { Clock, Envelope } from "@bulkhead/core";
import { type ControlValue, subjectOf } from "@bulkhead/schemas";
import type { Accounts } from "./accounts.ts";
import { dayOf } from "./day.ts";

export interface ProjectionParts {
  readonly accounts: Accounts;
  readonly bucket: Bucket;
  readonly clock: Clock;
  readonly agents: readonly string[];
  readonly sign: (type: "control", body: ControlValue) => Envelope;
  /** Called when an agent's account fills up or opens again. */
  readonly changed: (agent: string, exhausted: boolean) => Promise<void>;
  readonly failed: (error: unknown) => void;
}

export interface Projection extends AsyncDisposable {
  /** The agent's account changed. Changes within a short time are told together. */
  touch(agent: string): void;
}

const TOGETHER_MS = 250;
const REFRESH_MS = 30_000;
const encoder = new TextEncoder();

/** Tells all accounts now, then each when it changes. */
export async function projection(parts: ProjectionParts): Promise<Projection> {
  const waiting = new Map<string, NodeJS.Timeout>();
  const known = new Map<string, boolean>();
  const tell = async (agent: string): Promise<void> => {
    waiting.delete(agent);
    await project(agent, parts, known).catch(parts.failed);
  };
  const touch = (agent: string): void => {
    if (!waiting.has(agent))
      waiting.set(
        agent,
        setTimeout(() => void tell(agent), TOGETHER_MS),
      );
  };
  await Promise.all(parts.agents.map(tell));
  const refresh = setInterval(() => {
    parts.agents.forEach(touch);
  }, REFRESH_MS);
  return {
    touch,
    [Symbol.asyncDispose]: async () => {
      clearInterval(refresh);
      const open = [...waiting];
      for (const [, timer] of open) clearTimeout(timer);
      await Promise.all(open.map(([agent]) => tell(agent)));
    },
  };
}

async function project(
  agent: string,
  { accounts, clock, bucket, sign, changed }: ProjectionParts,
  known: Map<string, boolean>,
): Promise<void> {
  const day = dayOf(clock.now());
  const [own, whole] = [await accounts.read(day, agent), await accounts.read(day)];
  const { spentMicros, heldMicros, capMicros } = own;
  const reservedMicros = Math.max(0, heldMicros - spentMicros);
  const exhausted = [own, whole].some((account) => account.heldMicros >= account.capMicros);
  const value: ControlValue = { kind: "budget", agent, day, spentMicros, reservedMicros, capMicros, exhausted };
  const key = subjectOf("controlBudget", { agent }).slice("$KV.control.".length);
  await bucket.put(key, encoder.encode(JSON.stringify(sign("control", value))));
  if ((known.get(agent) ?? false) !== exhausted) await changed(agent, exhausted);
  known.set(agent, exhausted);
}
