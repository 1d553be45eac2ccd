import { type Offer, undoingOf } from "./catalogue.ts";
import type { RuleInput } from "./grants.ts";
import type { Mistake } from "./mistakes.ts";
import type { Path } from "./source.ts";

type Input = Pick<RuleInput, "catalogue" | "source" | "rehearsals" | "dir">;

/** PROPOSE is for what can be held, or undone by an inverse that was seen to work in this version (TIER-08). */
export function checkPropose(offer: Offer, path: Path, { catalogue, source, rehearsals, dir }: Input): Mistake[] {
  const { name, effects, rollback } = offer.tool;
  const at = source.at(path);
  if (effects.length === 0)
    return [source.mistake("tier.effect", at, `"${name}" only reads: there is nothing to undo.`, "Use AUTO.")];
  if (rollback === undefined) {
    const advice = offer.place.bundle ? `, or give its file a rollback, such as { mode: "hold" }` : "";
    const message = `"${name}" can neither be undone nor held, so it cannot be PROPOSE.`;
    return [source.mistake("tier.rollback", at, message, `Use CONFIRM: a person decides first${advice}.`)];
  }
  if (rollback.mode === "hold") return [];
  if (undoingOf(offer, catalogue) === undefined) {
    const message = `"${name}" is undone by "${rollback.tool}", and its connection has no such tool.`;
    const advice = "The undoing tool needs the same credentials, for the same process runs both.";
    return [source.mistake("tier.rollback", at, message, advice)];
  }
  const found = rehearsals.get(name);
  if (found?.passed === true) return [];
  return [source.mistake("tier.rehearsal", at, ...notKnownToWork(offer, found?.problem, dir))];
}

function notKnownToWork({ tool: { name }, place }: Offer, problem: string | undefined, dir: string): [string, string] {
  const command = `npx bulkhead rehearse ${dir} ${name}`;
  if (problem !== undefined)
    return [
      `Undoing "${name}" was rehearsed and does not work. ${problem}`,
      `Use CONFIRM, or mend it and run: ${command}`,
    ];
  if (place.bundle !== undefined)
    return [`Undoing "${name}" was not rehearsed in this version, so it is not known to work.`, `Run: ${command}`];
  const message = `Undoing "${name}" cannot be rehearsed: there is no throw-away copy of the connection ${place.connection}.`;
  return [message, "Use CONFIRM: a person decides first."];
}
