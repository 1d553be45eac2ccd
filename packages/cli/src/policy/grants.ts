import type { Effect } from "@bulkhead/schemas";
import { checkApprovals } from "./approvals.ts";
import type { Catalogue, Offer } from "./catalogue.ts";
import type { PolicyFile } from "./file.ts";
import { didYouMean, type Mistake } from "./mistakes.ts";
import { checkPropose } from "./propose.ts";
import type { Rehearsals } from "./rehearsals.ts";
import type { Path, PolicySource } from "./source.ts";

/** What the rules look at. */
export interface RuleInput {
  readonly file: PolicyFile;
  readonly catalogue: Catalogue;
  readonly source: PolicySource;
  readonly rehearsals: Rehearsals;
  /** The project folder, for commands that are suggested. */
  readonly dir: string;
  readonly now: number;
}

/** One tool that an agent is given, as it stands in the file. */
export type GrantInFile = PolicyFile["agents"][string]["tools"][string];

const OUTWARD: readonly Effect[] = ["out", "money", "irreversible"];

/** Every tool that an agent is given has to be there, and its tier has to fit what it does. */
export function checkGrants(input: RuleInput): Mistake[] {
  const { file, catalogue, source } = input;
  return Object.entries(file.agents).flatMap(([agent, { tools }]) =>
    Object.entries(tools).flatMap(([tool, grant]) => {
      const path = ["agents", agent, "tools", tool];
      const offer = catalogue.offers.get(tool);
      if (offer !== undefined)
        return [...checkGrant(offer, grant, path, input), ...checkTerms(tool, grant, path, input)];
      const suggestion = didYouMean(tool, [...catalogue.offers.keys()]);
      const message = `No connection or file in tools/ has a tool "${tool}".`;
      return [source.mistake("tool.unknown", source.atKey(path), message, suggestion)];
    }),
  );
}

function checkGrant(offer: Offer, grant: GrantInFile, path: Path, input: RuleInput): Mistake[] {
  const { source } = input;
  const { tool } = offer;
  if (grant.tier === "BLOCK") return [];
  if (tool.run === undefined)
    return [
      source.mistake("tier.adapter", source.at(path), `"${tool.name}" has no code that could run.`, "Use BLOCK."),
    ];
  const outward = tool.effects.filter((effect) => OUTWARD.includes(effect));
  const excepted = grant.tier !== "CONFIRM" && outward.length > 0;
  const exception = excepted ? checkException(tool.name, outward, grant, path, input) : [];
  if (grant.tier === "PROPOSE") return [...exception, ...checkPropose(offer, path, input)];
  if (excepted || grant.tier !== "AUTO" || tool.effects.length === 0) return exception;
  const message = `AUTO is for reading, and "${tool.name}" changes something.`;
  return [source.mistake("tier.effect", source.at(path), message, "Use AUTO+ or CONFIRM.")];
}

function checkTerms(tool: string, grant: GrantInFile, path: Path, input: RuleInput): Mistake[] {
  const { source } = input;
  const late = grant.window !== undefined && grant.tier !== "PROPOSE";
  const message = `"${tool}" at ${grant.tier} has no window: nothing is undone or held.`;
  const wrong = late
    ? [source.mistake("grant.window", source.atKey([...path, "window"]), message, "Use PROPOSE, or leave window out.")]
    : [];
  return [...wrong, ...checkApprovals(tool, grant, path, input)];
}

function checkException(
  tool: string,
  effects: readonly Effect[],
  { tier, exception }: GrantInFile,
  path: Path,
  { file, source, now }: RuleInput,
): Mistake[] {
  const at = source.at(path);
  const what = `"${tool}" has the effect ${effects.join(" and ")}`;
  if (exception === undefined) {
    const form = `{ tier: ${tier}, exception: { owner: …, reason: …, until: YYYY-MM-DD } }`;
    const suggestion = `Use CONFIRM, or take it upon somebody: ${form}`;
    return [source.mistake("tier.exception", at, `${what}, so ${tier} is not allowed.`, suggestion)];
  }
  if (tier === "AUTO")
    return [source.mistake("tier.effect", at, `${what}, and AUTO is for reading.`, "Use AUTO+ or CONFIRM.")];
  if (exception.until < now) {
    const place = source.at([...path, "exception", "until"]);
    const message = `The exception for "${tool}" has expired.`;
    return [source.mistake("tier.expired", place, message, "Use CONFIRM, or renew it with a later day.")];
  }
  if (Object.hasOwn(file.operators, exception.owner)) return [];
  const place = source.at([...path, "exception", "owner"]);
  const suggestion = didYouMean(exception.owner, Object.keys(file.operators));
  return [source.mistake("operator.unknown", place, `There is no operator "${exception.owner}".`, suggestion)];
}
