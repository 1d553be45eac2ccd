import type { OperatorPolicy } from "@bulkhead/schemas";
import type { LoadedPolicy } from "./load.ts";

const OPERATOR = "operator-";

/** Whether an identity is an operator whom the policy lets approve. */
export function mayApprove(policy: LoadedPolicy, identity: string): boolean {
  return operatorOf(policy, identity)?.roles.includes("approver") === true;
}

/** The natural person behind an identity, if the policy names one: two accounts of one person are one (TIER-11). */
export function personOf(policy: LoadedPolicy, identity: string): string | undefined {
  return operatorOf(policy, identity)?.person;
}

function operatorOf({ policy: { operators } }: LoadedPolicy, identity: string): OperatorPolicy | undefined {
  const name = identity.slice(OPERATOR.length);
  return identity.startsWith(OPERATOR) && Object.hasOwn(operators, name) ? operators[name] : undefined;
}
