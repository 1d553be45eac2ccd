import { setTimeout as sleep } from "node:timers/promises";
import type { ProposalView } from "@bulkhead/schemas";
import type { OperatorClient } from "bulkhead";
import type { Screen } from "./screen.ts";

const REASON = "Not the tone that we use.";
const POLL_MS = 200;
const WITHIN_MS = 20_000;

/** Who undoes, and where it is shown. */
export interface Undoing {
  readonly operator: OperatorClient;
  readonly screen: Screen;
  readonly signal: AbortSignal;
}

/** Undoes one draft within its window, and shows the post that was held and that nobody cancelled. Throws when either is not there. */
export async function showWaysBack(desk: Undoing): Promise<void> {
  const { operator, screen } = desk;
  const draft = await first(desk, "window", "mail-draft");
  screen.say(`  undo     ${draft.id}: the agent ${draft.action.agent} has drafted an answer, and it can be taken back`);
  await operator.decide(draft, { outcome: "undo", reason: REASON });
  await becomes(desk, draft.id, "undone");
  screen.say(
    `           ${screen.paint.green("undone")} by ${draft.undo?.tool ?? "its inverse"}; read back, and as it was before`,
  );
  const post = await first(desk, "executed", "channel-post");
  const heldMs = post.dueAt - post.openedAt;
  screen.say(
    `  held     ${post.id}: a post waited ${Math.round(heldMs / 1_000)} s for somebody to cancel it, and nobody did`,
  );
  screen.say(`           ${screen.paint.green("posted")} when its window had closed`);
}

async function first(desk: Undoing, state: ProposalView["state"], tool: string): Promise<ProposalView> {
  return await until(desk, `a ${tool} that is in the state ${state}`, async () => {
    const { proposals } = await desk.operator.ask({ kind: "proposals.list", state, limit: 200 });
    return proposals.find(({ action }) => action.tool === tool);
  });
}

async function becomes(desk: Undoing, id: string, state: ProposalView["state"]): Promise<void> {
  await until(desk, `${id} to become ${state}`, async () => {
    const { proposal } = await desk.operator.ask({ kind: "proposals.show", proposal: id });
    if (proposal.state === "undo-failed") throw new Error(`${id} could not be undone (${proposal.code ?? "no code"}).`);
    return proposal.state === state ? true : undefined;
  });
}

async function until<T>({ signal }: Undoing, what: string, ask: () => Promise<T | undefined>): Promise<T> {
  for (const deadline = Date.now() + WITHIN_MS; Date.now() < deadline; ) {
    const found = await ask();
    if (found !== undefined) return found;
    await sleep(POLL_MS, undefined, { signal });
  }
  throw new Error(`Waited ${WITHIN_MS / 1_000} s for ${what}.`);
}
