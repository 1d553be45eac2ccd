/**
 * Owns: whether one value of KV `control` is believed: who signed it, what it is about, and what it may follow.
 * Does not own: the values that are held (`control.ts`).
 * Invariants: S4: a value older than the one held is not believed, so that a replayed one cannot lift a stop; a resume names what
 * it lifts; operators can be revoked and, until another policy is signed, not be let in again; a viewer's or a revoked operator's
 * word is nobody's.
 */
import { BulkheadError, canonical, open, parseJson } from "@bulkhead/core";
import { AnyEnvelope, type ContractName, ControlValue, mayAct, mayPublish, type Policy } from "@bulkhead/schemas";

/** A value of control, verified. */
export interface Word {
  readonly value: ControlValue;
  readonly issuer: string;
  /** When it was signed, by its issuer's clock (epoch ms). */
  readonly at: number;
  readonly envelope: AnyEnvelope;
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

/** Verifies a value under this policy. @throws BulkheadError `envelope.*`, `json.*`; TypeError or ZodError for another shape or key */
export function readWord(key: string, data: Uint8Array, policy: Policy): Word {
  const rule = KEYS.find(([pattern]) => pattern.test(key));
  if (rule === undefined) throw new TypeError("no such key");
  const [, contract, kind] = rule;
  const envelope = AnyEnvelope.parse(parseJson(data));
  const { issuer, at, body } = open(envelope, {
    type: "control",
    keyOf: (name) => (maySay(contract, name, policy) ? policy.trust[name]?.signing : undefined),
  });
  const value = ControlValue.parse(body);
  if (value.kind !== kind || ("agent" in value && key !== `${kind}-${value.agent}`))
    throw new TypeError("value of another key");
  return { value: inForce(value, at, policy), issuer, at, envelope };
}

function maySay(contract: ContractName, issuer: string, { operators }: Policy): boolean {
  if (!mayPublish(contract, issuer) || !mayAct(operators, issuer)) return false;
  return contract !== "controlRevoked" || operators[nameOf(issuer)]?.roles.includes("admin") === true;
}

/** Who signs a policy says anew who the operators are. */
function inForce(value: ControlValue, at: number, policy: Policy): ControlValue {
  return value.kind === "revoked" && at < policy.signedAt ? { kind: "revoked", operators: [] } : value;
}

/** @throws BulkheadError `control.invalid` if `after` may not take the place of `before`, or its issuer is among `revoked` */
export function assertFollows(before: Word | undefined, after: Word, revoked: ReadonlySet<string>): void {
  if (revoked.has(nameOf(after.issuer))) throw new BulkheadError("control.invalid", "(its operator is revoked)");
  if (before === undefined) return;
  if (before.at > after.at) throw new BulkheadError("control.invalid", "(older than what it replaces)");
  assertNamesLifted(before.value, after.value);
  assertOnlyAdds(before.value, after.value);
}

/** What was stopped stays stopped, unless the new value says by its id that it is lifted. */
function assertNamesLifted(before: ControlValue, after: ControlValue): void {
  if (before.kind !== "stop" || after.kind !== "stop") return;
  const kept = new Set(after.stops.map((stop) => canonical(stop)));
  const dropped = before.stops.filter((stop) => !kept.has(canonical(stop)) && !after.lifts.includes(stop.id));
  if (dropped.length > 0) throw new BulkheadError("control.invalid", "(it drops a stop without naming it)");
}

function assertOnlyAdds(before: ControlValue, after: ControlValue): void {
  if (before.kind !== "revoked" || after.kind !== "revoked") return;
  if (before.operators.some((name) => !after.operators.includes(name)))
    throw new BulkheadError("control.invalid", "(it lets a revoked operator in again)");
}

/** An operator's name; of a service its identity, which no operator can have. */
function nameOf(issuer: string): string {
  return issuer.startsWith("operator-") ? issuer.slice("operator-".length) : ` ${issuer}`;
}
