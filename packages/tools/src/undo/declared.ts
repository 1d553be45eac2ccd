import { isToken } from "@bulkhead/core";
import type { Effect } from "@bulkhead/schemas";

/** The parts of a tool's definition that say how it is undone and what a person is told of it. */
interface Declared {
  readonly names: readonly string[];
  readonly effects: readonly Effect[];
  readonly rollback?: { readonly mode: "compensate"; readonly tool: string } | { readonly mode: "hold" };
  readonly sentence?: string;
  readonly run?: unknown;
  readonly state?: unknown;
  readonly inverse?: unknown;
}

const MAX_SENTENCE = 300;
const PLACE = /\{([^{}]*)\}/g;

/** What is wrong with what a tool says about its undoing, or with its sentence. */
export function findMistake({ names, effects, rollback, sentence, run, state, inverse }: Declared): string | undefined {
  if (rollback !== undefined && (effects.length === 0 || run === undefined))
    return "rollback is for a tool that changes something, and has a run";
  if (rollback?.mode === "compensate") {
    if (!isToken(rollback.tool)) return `rollback names no tool: ${JSON.stringify(rollback.tool)}`;
    if (state === undefined || inverse === undefined)
      return "rollback compensate needs state, which reads what it changes, and inverse, which says with what arguments it is undone";
  } else if (inverse !== undefined) return "inverse needs rollback compensate, which names the tool that undoes it";
  return sentence === undefined ? undefined : mistakeOf(sentence, names);
}

function mistakeOf(sentence: string, names: readonly string[]): string | undefined {
  if (sentence.length > MAX_SENTENCE) return `its sentence is longer than ${MAX_SENTENCE} characters`;
  const unknown = [...sentence.matchAll(PLACE)].map(([, name = ""]) => name).find((name) => !names.includes(name));
  return unknown === undefined ? undefined : `its sentence speaks of {${unknown}}, which is no argument`;
}
