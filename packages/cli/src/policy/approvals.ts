import type { PolicyFile } from "./file.ts";
import { didYouMean, type Mistake } from "./mistakes.ts";
import type { Path, PolicySource } from "./source.ts";

type Grant = PolicyFile["agents"][string]["tools"][string];

/** Whoever must approve has to be there: as many natural persons, each with the role approver (TIER-11). */
export function checkApprovals(
  tool: string,
  { tier, approvals }: Grant,
  path: Path,
  { file, source }: { readonly file: PolicyFile; readonly source: PolicySource },
): Mistake[] {
  if (approvals === undefined) return [];
  const place = [...path, "approvals"];
  if (tier !== "CONFIRM") {
    const message = `"${tool}" at ${tier} is not approved by anybody before it runs.`;
    return [source.mistake("grant.approvals", source.atKey(place), message, "Use CONFIRM, or leave approvals out.")];
  }
  const unfit = (approvals.from ?? []).flatMap((name, index) =>
    unfitApprover(name, source.at([...place, "from", index]), { file, source }),
  );
  return unfit.length > 0 ? unfit : tooFew(approvals, place, { file, source });
}

type Source = { readonly file: PolicyFile; readonly source: PolicySource };

function unfitApprover(name: string, at: ReturnType<PolicySource["at"]>, { file, source }: Source): Mistake[] {
  const operator = Object.hasOwn(file.operators, name) ? file.operators[name] : undefined;
  const approvers = Object.keys(file.operators).filter((each) => file.operators[each]?.roles.includes("approver"));
  if (operator === undefined)
    return [source.mistake("operator.unknown", at, `There is no operator "${name}".`, didYouMean(name, approvers))];
  if (operator.roles.includes("approver")) return [];
  const advice = `Give it to ${name}, or name somebody who has it.`;
  return [source.mistake("operator.approver", at, `The operator "${name}" has not the role approver.`, advice)];
}

function tooFew({ count, from }: NonNullable<Grant["approvals"]>, place: Path, { file, source }: Source): Mistake[] {
  const asked = Object.entries(file.operators).filter(([name, { roles }]) =>
    from === undefined ? roles.includes("approver") : from.includes(name),
  );
  const persons = new Set(asked.map(([name, { person }]) => person ?? name));
  if (count <= persons.size) return [];
  const message = `${count} persons must approve, and the approvers ${from ? "named here " : ""}are ${persons.size}.`;
  const advice = "Two accounts of one person count once. Give the role approver to more people, or ask fewer.";
  return [source.mistake("grant.approvals", source.at(place), message, advice)];
}
