/**
 * Owns: this process's view of KV `control`: what is stopped, quarantined, open or exhausted, and how fresh the watchdog's beat is.
 * Does not own: what follows from it (`decide`), who may write it (the contract map; every value is verified here again).
 * Invariants: S4: missing, unverifiable or stale means `fresh: false`, for as long as it lasts and never latched; a value
 * older than the one held is not believed, so that a replayed message cannot lift a stop; a resume names what it lifts, and
 * a viewer's word is nobody's.
 */
import { type Bucket } from "@bulkhead/bus";
import { BulkheadError, type Clock, canonical, isBulkheadError, open, parseJson } from "@bulkhead/core";
import { CONTROL_STALE_MS, type ContractName, ControlValue, mayPublish } from "@bulkhead/schemas";

/** What is known of the control state at this moment. */
export interface ControlView {
  /** Whether the watchdog's beat was seen within the limit, and what holds for the whole house can be believed. */
  readonly fresh: boolean;
  /** The value of a key, or undefined if nobody has set it. */
  get<K extends ControlValue["kind"]>(key: string, kind: K): Extract<ControlValue, { kind: K }> | undefined;
  /** The newest revision of `stop`, `mode` or `quarantine` that is obeyed: what a heartbeat acknowledges. 0 where only changes are heard (a host). */
  readonly revision: number;
  /** All values that are held, by key. */
  readonly values: ReadonlyMap<string, ControlValue>;
}

/** Follows the control bucket. */
export interface ControlReader {
  view(): ControlView;
}

/** Keys that hold for the whole house. While what lies there cannot be believed, nobody knows what is stopped. */
const WHOLE_HOUSE: ReadonlySet<string> = new Set(["stop", "mode", "quarantine", "revoked"]);

interface Held {
  readonly value: ControlValue;
  readonly at: number;
  readonly seenAt: number;
  readonly revision: number;
}

const KEYS: readonly (readonly [RegExp, ContractName, ControlValue["kind"]])[] = [
  [/^watchdog$/, "controlBeat", "beat"],
  [/^quarantine$/, "controlQuarantine", "quarantine"],
  [/^stop$/, "controlStop", "stop"],
  [/^revoked$/, "controlRevoked", "revoked"],
  [/^mode$/, "controlMode", "mode"],
  [/^breaker-/, "controlBreaker", "breaker"],
  [/^budget-/, "controlBudget", "budget"],
];

/** What a control reader needs. `rejected` hears of values that do not verify. */
export interface ControlPort {
  readonly bucket: Bucket;
  readonly clock: Clock;
  /** Changes only: for an identity that may not read the bucket (a host). */
  readonly live?: boolean;
  /** The signing key of an identity that may do more than look. */
  keyOf(issuer: string): string | undefined;
  rejected(key: string, code: string): void;
}

/** Starts to follow the control bucket; resolves when the present values are known. */
export async function followControl(port: ControlPort): Promise<ControlReader> {
  const held = new Map<string, Held>();
  const doubtful = new Set<string>();
  await port.bucket.watch(
    ">",
    ({ key, data, revision }) => {
      try {
        accept(held, key, { ...readValue(key, data, port), revision }, port.clock);
        doubtful.delete(key);
      } catch (error) {
        if (WHOLE_HOUSE.has(key)) doubtful.add(key);
        port.rejected(key, isBulkheadError(error) ? error.code : "control.invalid");
      }
    },
    { initial: port.live !== true },
  );
  return { view: () => viewOf(held, doubtful.size === 0, port.clock) };
}

function readValue(key: string, data: Uint8Array, port: ControlPort): { value: ControlValue; at: number } {
  const rule = KEYS.find(([pattern]) => pattern.test(key));
  if (rule === undefined) throw new TypeError("no such key");
  const [, contract, kind] = rule;
  const opened = open(parseJson(data), {
    type: "control",
    keyOf: (issuer) => (mayPublish(contract, issuer) ? port.keyOf(issuer) : undefined),
  });
  const value = ControlValue.parse(opened.body);
  if (value.kind !== kind || ("agent" in value && key !== `${kind}-${value.agent}`))
    throw new TypeError("value of another key");
  return { value, at: opened.at };
}

function accept(
  held: Map<string, Held>,
  key: string,
  { value, at, revision }: Omit<Held, "seenAt">,
  clock: Clock,
): void {
  const before = held.get(key);
  if (before !== undefined && before.at > at) {
    if (WHOLE_HOUSE.has(key)) throw new BulkheadError("control.invalid", "(older than what it replaces)");
    return;
  }
  assertNamesLifted(before?.value, value);
  held.set(key, { value, at, revision, seenAt: clock.monotonic() });
}

/** What was stopped stays stopped, unless the new value says by its id that it is lifted. */
function assertNamesLifted(before: ControlValue | undefined, after: ControlValue): void {
  if (before?.kind !== "stop" || after.kind !== "stop") return;
  const kept = new Set(after.stops.map((stop) => canonical(stop)));
  const dropped = before.stops.filter((stop) => !kept.has(canonical(stop)) && !after.lifts.includes(stop.id));
  if (dropped.length > 0) throw new BulkheadError("control.invalid", "(it drops a stop without naming it)");
}

function viewOf(held: ReadonlyMap<string, Held>, believed: boolean, clock: Clock): ControlView {
  const beat = held.get("watchdog");
  return {
    fresh:
      believed &&
      beat !== undefined &&
      Math.abs(clock.now() - beat.at) <= CONTROL_STALE_MS &&
      clock.monotonic() - beat.seenAt <= CONTROL_STALE_MS,
    get: (key, kind) => {
      const value = held.get(key)?.value;
      return value?.kind === kind ? (value as never) : undefined;
    },
    revision: Math.max(0, ...[...WHOLE_HOUSE].map((key) => held.get(key)?.revision ?? 0)),
    values: new Map([...held].map(([key, { value }]) => [key, value])),
  };
}
