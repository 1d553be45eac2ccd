import { setTimeout as sleep } from "node:timers/promises";
import type { ProposalView } from "@bulkhead/schemas";
import type { OperatorClient } from "../client/operator-client.ts";
import type { Output } from "./output.ts";
import { shown, timeOf } from "./terminal.ts";

const POLL_MS = 1_000;
const CLEAR = "\x1b[2J\x1b[H";
const WAITING: readonly ProposalView["state"][] = ["pending", "holding", "editing", "released", "window", "undoing"];

/** Shows what waits and what can be undone until it is aborted: redrawn on a terminal, a line for each change without one. */
export async function watchProposals(client: OperatorClient, out: Output, signal: AbortSignal): Promise<void> {
  const seen = new Map<string, string>();
  while (!signal.aborted) {
    const { proposals } = await client.ask({ kind: "proposals.list", limit: 200 });
    if (out.interactive) out.say(CLEAR + screen(proposals, out, Date.now()));
    else for (const line of changes(proposals, seen)) out.say(line);
    await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
}

function changes(proposals: readonly ProposalView[], seen: Map<string, string>): string[] {
  return [...proposals].reverse().flatMap((proposal) => {
    const { id, state, code, action, escalatedAt } = proposal;
    const now = `${state}${code === undefined ? "" : ` (${code})`}${escalatedAt === undefined ? "" : " escalated"}`;
    if (seen.get(id) === now) return [];
    const news = seen.has(id) || WAITING.includes(state);
    seen.set(id, now);
    return news ? [`${timeOf(Date.now())}  ${id}  ${now}  ${action.agent}  ${action.tool}`] : [];
  });
}

/** Ordered by what ends first; what was escalated is marked. */
function screen(proposals: readonly ProposalView[], { paint }: Output, now: number): string {
  const open = proposals.filter(({ state }) => WAITING.includes(state)).sort((a, b) => a.dueAt - b.dueAt);
  const lines = open.map((proposal) => {
    const { id, state, action, dueAt, escalatedAt } = proposal;
    const urgent = escalatedAt === undefined ? "  " : paint.red("! ");
    const left = `${leftOf(dueAt - now)} left`.padEnd(14);
    return `${urgent}${paint.bold(id)}  ${state.padEnd(8)} ${left} ${action.agent}  ${action.tool}  ${shown(JSON.stringify(action.args), 60)}`;
  });
  const head = paint.bold(`${open.length} wait or can be undone`);
  const foot = paint.dim("approve, deny, edit, cancel or undo ID in another terminal · Ctrl-C ends this view");
  return [head, ...(lines.length === 0 ? ["  Nothing waits for a person."] : lines), foot].join("\n");
}

function leftOf(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1_000));
  if (seconds < 100) return `${seconds} s`;
  return seconds < 6_000 ? `${Math.ceil(seconds / 60)} min` : `${Math.ceil(seconds / 3_600)} h`;
}
