import { createHash } from "node:crypto";
import type { Conversation, PastCall } from "./conversation.ts";

/** A call to make now. */
export interface PlannedCall {
  readonly id: string;
  readonly tool: string;
  readonly args: Readonly<Record<string, unknown>>;
  /** The key of the thing that it is about. */
  readonly about: string;
}

/** A call whose id is made from what it is for, so that the conversation itself tells what is done. */
export function planned(
  tool: string,
  args: Readonly<Record<string, unknown>>,
  purpose: string,
  about: string,
): PlannedCall {
  const id = `call-${createHash("sha256").update(`${tool}|${purpose}`).digest("hex").slice(0, 20)}`;
  return { id, tool, args, about };
}

/** Those of the calls that were not made before, by id or by what they say, each once. */
export function unmade(calls: readonly PlannedCall[], conversation: Conversation): PlannedCall[] {
  const seen = new Set(conversation.calls.flatMap(keysOf));
  return calls.filter(({ id, tool, args }) => {
    const keys = [id, signature(tool, args)];
    const known = keys.some((key) => seen.has(key));
    for (const key of keys) seen.add(key);
    return !known;
  });
}

/** A call whose arguments could not be read has not said what it seems to say now. */
function keysOf({ id, tool, args, failed, text }: PastCall): string[] {
  return failed && /args\.invalid|invalid.{0,20}argument/i.test(text ?? "") ? [id] : [id, signature(tool, args)];
}

function signature(tool: string, args: Readonly<Record<string, unknown>>): string {
  return `${tool}|${JSON.stringify(Object.entries(args).sort(([a], [b]) => (a < b ? -1 : 1)))}`;
}
