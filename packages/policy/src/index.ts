export {
  areEnough,
  editIdOf,
  isAskedId,
  type Judging,
  type OpenedDecision,
  openBound,
  openDecision,
  type Permission,
  revokedOf,
  STOPPING,
  undoIdOf,
  verifyApproval,
  verifyEdit,
  verifyUndo,
} from "./approvals.ts";
export { type ParsedRules, parseRules, type Rule, type RuleMistake } from "./cedar/parse.ts";
export { loadRules, type RuleAnswer, type RuleQuestion, type Rules } from "./cedar/rules.ts";
export { limitsOf, type RuleGround } from "./cedar/schema.ts";
export { approvalsFor, decide, type Floor, floor, type Reason, type Verdict, type Would, windowFor } from "./decide.ts";
export { heldBy } from "./held.ts";
export { type LoadedPolicy, loadPolicy, verifyPolicy } from "./load.ts";
export { mayApprove, personOf } from "./operators.ts";
export {
  actionDigest,
  assertAction,
  assertLeaseFits,
  assertRuns,
  openGrant,
  openGrants,
  openLease,
  termsDigest,
} from "./proofs.ts";
export {
  type CallQuestion,
  type ControlFacts,
  canAct,
  type Facts,
  hasEffect,
  isStopped,
  type RaiseReason,
} from "./rules.ts";
export { rankOf, type Signer, signersFor, strictest } from "./tiers.ts";
