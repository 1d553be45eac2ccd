/**
 * Owns: this process's view of KV `control`: what is stopped, quarantined, open or exhausted, and how fresh the watchdog's beat is.
 * Does not own: what follows from it (`decide`), who may write it (the contract map; every value is verified here again).
 * Invariants: S4: missing, unverifiable or stale means `fresh: false`, for as long as it lasts and never latched; a value
 * older than the one held is ignored, so that a replayed message cannot lift a stop.
 */
import { type Bucket } from "@bulkhead/bus";
import { type Clock, isBulkheadError, open, parseJson } from "@bulkhead/core";
import { CONTROL_STALE_MS, type ContractName, ControlValue, mayPublish } from "@bulkhead/schemas";

/** What is known of the control state at this moment. */
export interface ControlView {
  /** Whether the watchdog's beat was seen within the limit. */
  readonly fresh: boolean;
  /** The value of a key, or undefined if nobody has set it. */
  get<K extends ControlValue["kind"]>(key: string, kind: K): Extract<ControlValue, { kind: K }> | undefined;
  /** All values that are held, by key. */
  readonly values: ReadonlyMap<string, ControlValue>;
}

/** Follows the control bucket. */
export interface ControlReader {
  view(): ControlView;
}

interface Held {
  readonly value: ControlValue;
  readonly at: number;
  readonly seenAt: number;
}

const KEYS: readonly (readonly [RegExp, ContractName, ControlValue["kind"]])[] = [
  [/^watchdog$/, "controlBeat", "beat"],
  [/^quarantine$/, "controlQuarantine", "quarantine"],
  [/^stop$/, "controlStop", "stop"],
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
  keyOf(issuer: string): string | undefined;
  rejected(key: string, code: string): void;
}

/** Starts to follow the control bucket; resolves when the present values are known. */
export async function followControl(port: ControlPort): Promise<ControlReader> {
  const held = new Map<string, Held>();
  await port.bucket.watch(
    ">",
    ({ key, data }) => {
      try {
        accept(held, key, readValue(key, data, port), port.clock);
      } catch (error) {
        port.rejected(key, isBulkheadError(error) ? error.code : "control.invalid");
      }
    },
    { initial: port.live !== true },
  );
  return { view: () => viewOf(held, port.clock) };
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
  { value, at }: { value: ControlValue; at: number },
  clock: Clock,
): void {
  const before = held.get(key);
  if (before !== undefined && before.at > at) return;
  held.set(key, { value, at, seenAt: clock.monotonic() });
}

function viewOf(held: ReadonlyMap<string, Held>, clock: Clock): ControlView {
  const beat = held.get("watchdog");
  return {
    fresh:
      beat !== undefined &&
      Math.abs(clock.now() - beat.at) <= CONTROL_STALE_MS &&
      clock.monotonic() - beat.seenAt <= CONTROL_STALE_MS,
    get: (key, kind) => {
      const value = held.get(key)?.value;
      return value?.kind === kind ? (value as never) : undefined;
    },
    values: new Map([...held].map(([key, { value }]) => [key, value])),
  };
}
