import type { Story } from "../client/story.ts";
import { details, type ReadEntry, readEntry } from "./entry.ts";
import { type Paint, shown, timeOf } from "./terminal.ts";

/** A sentence for each kind of entry that matters to a reader; the rest is told by its name. */
const SENTENCES: Partial<Record<ReadEntry["event"], string>> = {
  "task.admitted": "The task was taken in",
  "task.dispatched": "A host took it up",
  "task.parked": "It waits for a person",
  "task.woken": "It goes on after a decision",
  "task.finished": "The task was finished",
  "task.failed": "The task failed",
  "task.cancelled": "The task was cancelled",
  "task.dead": "It became a dead letter",
  "model.intent": "The model is asked; the cost is reserved first",
  "model.settled": "The model answered",
  "model.refused": "The model was not asked",
  "call.decided": "The gateway decided",
  "call.refused": "The call was refused",
  "review.signed": "The watchdog decided for itself and signed",
  "review.refused": "The watchdog did not sign",
  "proposal.opened": "A person is asked",
  "proposal.approved": "A person approved",
  "proposal.denied": "A person denied",
  "proposal.expired": "Nobody decided in time",
  "label.raised": "A label was raised before the content could be seen",
  "read.executed": "The tool read",
  "effect.intent": "The effect was recorded before it ran",
  "effect.done": "The effect happened",
  "effect.failed": "The effect failed",
  "effect.unknown": "Whether the effect happened is unknown: a person must look",
  "content.stored": "Content came in",
};

/** The record as a story: one paragraph for each call, with what caused it. */
export function tellStory({ id, entries, texts }: Story, paint: Paint): string {
  const read = entries.flatMap((entry) => readEntry(entry) ?? []);
  const lines = [paint.bold(`What the record says about ${shown(id)}`)];
  let about = "";
  for (const entry of read) {
    const now = entry.callId ?? entry.task ?? "";
    if (now !== about) lines.push("", heading(entry, paint));
    about = now;
    lines.push(sentence(entry, paint), ...causes(entry, read, texts, paint));
  }
  return lines.join("\n");
}

function heading(entry: ReadEntry, paint: Paint): string {
  if (entry.callId === undefined) return paint.bold(`task ${entry.task ?? "-"}${entry.agent === undefined ? "" : ` (${entry.agent})`}`);
  const what = entry.callId.endsWith(".m") ? "model call" : `call ${entry.tool ?? ""}`.trim();
  return paint.bold(`${what} ${entry.callId}`);
}

function sentence(entry: ReadEntry, paint: Paint): string {
  const words = SENTENCES[entry.event] ?? entry.event;
  const bad = /refused|denied|failed|unknown|security|dead/.test(entry.event);
  return `  ${paint.dim(timeOf(entry.at).slice(11))}  ${bad ? paint.red(words) : words}  ${paint.dim(details(entry))}`;
}

function causes(entry: ReadEntry, all: readonly ReadEntry[], texts: ReadonlyMap<string, string>, paint: Paint): string[] {
  const named = entry.causes.map((cause) => {
    const [kind = "", ref = ""] = [cause.slice(0, cause.indexOf(":")), cause.slice(cause.indexOf(":") + 1)];
    const text = kind === "content" ? texts.get(ref) : undefined;
    const origin = all.find(({ content }) => kind === "content" && content === ref)?.tool;
    const from = origin === undefined ? "" : ` from ${origin}`;
    return text === undefined ? `${kind} ${ref}${from}` : `${kind} ${ref}${from}: "${shown(text, 90)}"`;
  });
  return named.map((cause) => paint.dim(`            because of ${cause}`));
}
