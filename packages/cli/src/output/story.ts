import { ModelAnswer } from "@bulkhead/schemas";
import type { Story } from "../client/story.ts";
import { details, type ReadEntry, readEntry } from "./entry.ts";
import { type Paint, shown, timeOf } from "./terminal.ts";

/** A sentence for each kind of entry that matters to a reader. What has none is in the record, and in `--json`, and not in the story. */
const SENTENCES: Partial<Record<ReadEntry["event"], string>> = {
  "task.admitted": "was taken in",
  "task.rejected": "was rejected",
  "task.conflict": "has an id that another text had before",
  "task.dispatched": "was taken up by a host",
  "task.parked": "waits for a person",
  "task.woken": "goes on after a decision",
  "task.finished": "was finished",
  "task.failed": "failed",
  "task.cancelled": "was cancelled",
  "task.dead": "became a dead letter",
  "worker.killed": "had its worker killed",
  "model.settled": "the model answered",
  "model.refused": "the model was not asked",
  "call.decided": "the gateway decided",
  "call.refused": "it was refused",
  "review.signed": "the watchdog decided for itself and signed",
  "review.refused": "the watchdog did not sign",
  "proposal.opened": "a person is asked",
  "proposal.approved": "a person approved",
  "proposal.denied": "a person denied",
  "proposal.cancelled": "a person cancelled it before it ran",
  "proposal.edited": "a person changed its arguments",
  "proposal.escalated": "half of the time to decide was over",
  "proposal.withdrawn": "it was withdrawn, since its task had ended",
  "proposal.undoing": "a person said to undo it",
  "proposal.undone": "it was undone",
  "proposal.closed": "its window closed",
  "review.validated": "the watchdog saw it and decided for itself",
  "proposal.expired": "nobody decided in time",
  "label.raised": "a label was raised before the content could be seen",
  "read.executed": "the tool read",
  "effect.intent": "the effect was recorded before it ran",
  "effect.done": "the effect happened",
  "effect.failed": "the effect failed",
  "effect.refused": "the executor refused",
  "effect.unknown": "whether the effect happened is unknown: a person must look",
  "effect.conflict": "the same id came with other arguments",
};

/** The record as a story: a part for the task, each model call and each tool call, in the order in which they began. */
export function tellStory({ id, entries, texts }: Story, paint: Paint): string {
  const told = entries
    .flatMap((entry) => readEntry(entry) ?? [])
    .filter(({ event }) => event in SENTENCES || event.startsWith("security"));
  const parts = Map.groupBy(told, partOf);
  const lines = [...parts].flatMap(([part, within]) => [
    "",
    heading(part, within, paint),
    ...within.flatMap((entry) => sentence(entry, texts, paint)),
  ]);
  return [paint.bold(`What the record says about ${shown(id)}`), ...lines].join("\n");
}

function partOf({ callId, causes, task }: ReadEntry): string {
  const model = causes.find((cause) => cause.startsWith("model:"));
  return callId ?? model?.slice("model:".length) ?? task ?? "";
}

function heading(part: string, within: readonly ReadEntry[], paint: Paint): string {
  const find = (key: "agent" | "tool" | "principal"): string | undefined =>
    within.find((entry) => entry[key] !== undefined)?.[key];
  if (part.endsWith(".m")) return paint.bold(`model call ${part}`);
  if (!part.includes(".")) return paint.bold(`task ${part}${forWhom(find("agent"), find("principal"))}`);
  const asked = `${part.slice(0, part.lastIndexOf("."))}.m`;
  return `${paint.bold(`call ${find("tool") ?? ""} ${part}`)}${paint.dim(`, asked for by model call ${asked}`)}`;
}

function forWhom(agent: string | undefined, principal: string | undefined): string {
  return `${agent === undefined ? "" : ` of ${agent}`}${principal === undefined ? "" : `, for ${principal}`}`;
}

function sentence(entry: ReadEntry, texts: ReadonlyMap<string, string>, paint: Paint): string[] {
  const words = SENTENCES[entry.event] ?? entry.event;
  const bad = /refused|denied|failed|unknown|security|dead|rejected|conflict|killed/.test(entry.event);
  const head = `  ${paint.dim(timeOf(entry.at).slice(11))}  ${bad ? paint.red(words) : words}`;
  const text = entry.content === undefined ? undefined : texts.get(entry.content);
  const because = entry.causes.filter(
    (cause) => /^(content|decision|effect):/.test(cause) && cause !== `content:${entry.content ?? ""}`,
  );
  return [
    `${head}  ${paint.dim(facts(entry))}`.trimEnd(),
    ...(text === undefined ? [] : quote(text).map((line) => paint.dim(`            ${line}`))),
    ...because.map((cause) => paint.dim(`            because of ${cause.replace(":", " ")}${quoted(cause, texts)}`)),
  ];
}

/** What the heading says already is left out. */
function facts(entry: ReadEntry): string {
  const own = ["tool", "callId", "task", "content"];
  return details(Object.fromEntries(Object.entries(entry).filter(([key]) => !own.includes(key))));
}

function quoted(cause: string, texts: ReadonlyMap<string, string>): string {
  const text = texts.get(cause.slice(cause.indexOf(":") + 1));
  return text === undefined ? "" : `: ${quote(text).join(" ")}`;
}

/** A text in one line; a model's answer as what it said and what it asked for. */
function quote(text: string): string[] {
  const answer = readAnswer(text);
  if (answer === undefined) return [`"${shown(text, 110)}"`];
  const said = answer.text.trim() === "" ? [] : [`"${shown(answer.text, 110)}"`];
  return [
    ...said,
    ...answer.toolCalls.map(({ name, args }) => `asks for ${shown(name)} ${shown(JSON.stringify(args), 110)}`),
  ];
}

function readAnswer(text: string): ModelAnswer | undefined {
  try {
    return ModelAnswer.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
