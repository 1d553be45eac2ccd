/** Why a person is asked, in words. What has no words here is shown as its code. */
const WORDS: Readonly<Record<string, string>> = {
  "tier.declared": "the policy says that a person decides",
  "tier.exception": "it leaves the house, moves money or cannot be undone, and no exception is in force",
  "tier.effect": "it changes something",
  "ceiling.agent": "the agent may do nothing more freely",
  "ceiling.lease": "whoever asked for the task may let nothing run more freely, or a person changed the arguments",
  "label.a-out": "the task has read text from outside, and this leaves the house or cannot be undone",
  "label.b-out": "sensitive data is in reach, and this leaves the house",
  "breaker.half-open": "the agent has just recovered from failures",
  "tier.propose.rollback": "the tool has no way back",
  "tier.propose.unrehearsed": "undoing it was never rehearsed",
};

/** Why a person is asked. */
export function inWords(reasons: readonly string[]): string {
  return reasons.map((reason) => WORDS[reason] ?? reason).join("; ");
}
