export { type ParsedRules, parseRules, type Rule, type RuleMistake } from "./cedar/parse.ts";
export { loadRules, type RuleAnswer, type RuleQuestion, type Rules } from "./cedar/rules.ts";
export { limitsOf, type RuleGround } from "./cedar/schema.ts";
export { decide, type Floor, floor, type Reason, type Verdict } from "./decide.ts";
export { type LoadedPolicy, loadPolicy, verifyPolicy } from "./load.ts";
export {
  actionDigest,
  assertAction,
  assertLeaseFits,
  mayApprove,
  openDecision,
  openGrant,
  openGrants,
  openLease,
  termsDigest,
  verifyApproval,
} from "./proofs.ts";
export { type CallQuestion, type ControlFacts, type Facts, hasEffect, type RaiseReason } from "./rules.ts";
export { rankOf, type Signer, signersFor, strictest } from "./tiers.ts";
