/**
 * Owns: an operator's changes of KV `control`: signed with their key alone, each made from what lies there.
 * Does not own: whether it is believed (every reader for itself), who obeys (`roll-call.ts`).
 * Invariants: S4: compare-and-set, so that of two operators none overwrites the other; what was stopped stays in the value, or its
 * id among what is lifted.
 */
import { BulkheadError, isBulkheadError } from "@bulkhead/core";
import { type ControlValue, mayAct } from "@bulkhead/schemas";
import { readWord } from "@bulkhead/service";
import type { OperatorClient } from "../client/operator-client.ts";

type Kind = "stop" | "mode" | "revoked";
/** A value of one kind. */
export type ValueOf<K extends Kind> = Extract<ControlValue, { kind: K }>;
/** One stop. */
export type Stop = ValueOf<"stop">["stops"][number];

/** A change that lies in the bucket. */
export interface Changed<K extends Kind> {
  readonly value: ValueOf<K>;
  readonly revision: number;
}

const TRIES = 8;
/** A list of control holds so many; of what was lifted the newest are kept. */
const MAX_LISTED = 256;

/**
 * Makes the new value of a key from the present one and writes it. `before` is undefined where nothing lies there, or nothing that
 * can be believed.
 *
 * @throws BulkheadError `bus.*`, `forbidden` for an operator who may only look
 */
export async function changeControl<K extends Kind>(
  client: OperatorClient,
  key: K,
  make: (before: ValueOf<K> | undefined) => ValueOf<K>,
): Promise<Changed<K>> {
  const { operators } = client.policy.policy;
  if (!mayAct(operators, `operator-${client.name}`)) throw new BulkheadError("forbidden", "(your role may only look)");
  const bucket = client.bus.bucket("control");
  for (let attempt = 1; ; attempt++) {
    const entry = await bucket.get(key);
    const before = entry && believed(client, key, entry.data);
    const value = make(before?.value as ValueOf<K> | undefined);
    const bytes = Buffer.from(JSON.stringify(client.signControl(value, (before?.at ?? 0) + 1)));
    try {
      return { value, revision: await bucket.put(key, bytes, entry?.revision ?? 0) };
    } catch (error) {
      if (!isBulkheadError(error, "bus.conflict") || attempt === TRIES) throw error;
    }
  }
}

function believed({ policy }: OperatorClient, key: string, data: Uint8Array) {
  try {
    return readWord(key, data, policy.policy);
  } catch {
    return undefined;
  }
}

/** The value with one stop more. */
export function stopped(before: ValueOf<"stop"> | undefined, stop: Stop): ValueOf<"stop"> {
  const { stops = [], lifts = [] } = before ?? {};
  if (stops.length >= MAX_LISTED) throw new BulkheadError("control.invalid", "(too many stops: lift some first)");
  return { kind: "stop", stops: [...stops, stop], lifts };
}

/** The value without these stops. They are named, and so are those that were lifted before. */
export function lifted(before: ValueOf<"stop"> | undefined, ids: readonly string[]): ValueOf<"stop"> {
  const { stops = [], lifts = [] } = before ?? {};
  const named = [...new Set([...lifts, ...ids])].slice(-MAX_LISTED);
  return { kind: "stop", stops: stops.filter(({ id }) => !ids.includes(id)), lifts: named };
}

/** The value with one revoked operator more. */
export function revoked(before: ValueOf<"revoked"> | undefined, name: string): ValueOf<"revoked"> {
  return { kind: "revoked", operators: [...new Set([...(before?.operators ?? []), name])] };
}
