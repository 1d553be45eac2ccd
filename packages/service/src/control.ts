/**
 * Owns: this process's view of KV `control`: what is stopped, quarantined, open or exhausted, and how fresh the watchdog's beat is.
 * Does not own: which value is believed (`control-value.ts`), what follows from it (`decide`), when it is obeyed (`obedience.ts`).
 * Invariants: S4: missing, unverifiable or stale means `fresh: false`, for as long as it lasts and never latched.
 */
import { type Bucket } from "@bulkhead/bus";
import { type Clock, isBulkheadError } from "@bulkhead/core";
import { revokedOf } from "@bulkhead/policy";
import { type AnyEnvelope, CONTROL_STALE_MS, type ControlValue, type Policy } from "@bulkhead/schemas";
import { assertFollows, readWord, type Word } from "./control-value.ts";
import { Obedience, type Obey } from "./obedience.ts";

/** What is known of the control state at this moment. */
export interface ControlView {
  /** Whether the watchdog's beat was seen within the limit, and what holds for the whole house can be believed. */
  readonly fresh: boolean;
  /** The value of a key, or undefined if nobody has set it. */
  get<K extends ControlValue["kind"]>(key: string, kind: K): Extract<ControlValue, { kind: K }> | undefined;
  /** The newest revision of `stop`, `mode`, `quarantine` or `revoked` that is known. 0 where only changes are heard (a host). */
  readonly revision: number;
  /** All values that are held, by key. */
  readonly values: ReadonlyMap<string, ControlValue>;
  /** The names of operators whose decisions count no longer. */
  readonly revoked: ReadonlySet<string>;
  /** Keys that hold for the whole house and whose present value cannot be believed. */
  readonly doubtful: ReadonlySet<string>;
}

/** Follows the control bucket. */
export interface ControlReader {
  view(): ControlView;
  /** The present value of a key as it was signed, for whoever may not read the bucket. */
  word(key: string): Word | undefined;
  /** Takes a value that somebody else passes on. It is verified as any other; one that says nothing new is ignored. */
  learn(key: string, envelope: AnyEnvelope): void;
  /** The ids of the stops in force that this process obeys. */
  obeyed(): readonly string[];
  /** `act` is called now and at every change of what holds for the whole house; a stop counts as obeyed when all acts have resolved. */
  obey(act: Obey): void;
  /** `hear` is called after each change that is obeyed. */
  onObeyed(hear: () => void): void;
}

/** Keys that hold for the whole house. While what lies there cannot be believed, nobody knows what is stopped. */
const WHOLE_HOUSE: ReadonlySet<string> = new Set(["stop", "mode", "quarantine", "revoked"]);

interface Held extends Word {
  readonly seenAt: number;
  readonly revision: number;
}

/** What a control reader needs. `rejected` hears of values that do not verify. */
export interface ControlPort {
  readonly bucket: Bucket;
  readonly clock: Clock;
  readonly policy: Policy;
  /** Changes only: for an identity that may not read the bucket (a host). */
  readonly live?: boolean;
  rejected(key: string, code: string): void;
}

/** Starts to follow the control bucket; resolves when the present values are known. */
export async function followControl(port: ControlPort): Promise<ControlReader> {
  const held = new Map<string, Held>();
  const doubtful = new Set<string>();
  const view = (): ControlView => viewOf(held, doubtful, port.clock);
  const obedience = new Obedience(view);
  const take = (key: string, data: Uint8Array, revision: number): void => {
    try {
      if (!accept(held, key, { ...readWord(key, data, port.policy), revision }, port.clock)) return;
      doubtful.delete(key);
      if (WHOLE_HOUSE.has(key)) obedience.changed();
    } catch (error) {
      if (WHOLE_HOUSE.has(key)) doubtful.add(key);
      port.rejected(key, isBulkheadError(error) ? error.code : "control.invalid");
    }
  };
  await port.bucket.watch(
    ">",
    ({ key, data, revision }) => {
      take(key, data, revision);
    },
    { initial: port.live !== true },
  );
  return {
    view,
    word: (key) => held.get(key),
    learn: (key, envelope) => {
      if (envelope.at > (held.get(key)?.at ?? -1)) take(key, Buffer.from(JSON.stringify(envelope)), 0);
    },
    obeyed: () => obedience.stops,
    obey: (act) => {
      obedience.add(act);
    },
    onObeyed: (hear) => {
      obedience.tell(hear);
    },
  };
}

/** Whether the value counts from now on. Of several services that write one key, an older word is no attack. */
function accept(held: Map<string, Held>, key: string, word: Omit<Held, "seenAt">, clock: Clock): boolean {
  const before = held.get(key);
  if (!WHOLE_HOUSE.has(key) && before !== undefined && before.at > word.at) return false;
  assertFollows(before, word, revokedOf({ values: valuesOf(held) }));
  held.set(key, { ...word, seenAt: clock.monotonic() });
  return true;
}

function valuesOf(held: ReadonlyMap<string, Held>): ReadonlyMap<string, ControlValue> {
  return new Map([...held].map(([key, { value }]) => [key, value]));
}

function viewOf(held: ReadonlyMap<string, Held>, doubtful: ReadonlySet<string>, clock: Clock): ControlView {
  const beat = held.get("watchdog");
  const values = valuesOf(held);
  return {
    fresh:
      doubtful.size === 0 &&
      beat !== undefined &&
      Math.abs(clock.now() - beat.at) <= CONTROL_STALE_MS &&
      clock.monotonic() - beat.seenAt <= CONTROL_STALE_MS,
    get: (key, kind) => {
      const value = held.get(key)?.value;
      return value?.kind === kind ? (value as never) : undefined;
    },
    revision: Math.max(0, ...[...WHOLE_HOUSE].map((key) => held.get(key)?.revision ?? 0)),
    values,
    revoked: revokedOf({ values }),
    doubtful: new Set(doubtful),
  };
}
