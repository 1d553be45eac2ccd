/** Where the time of the approved path goes, as its own audit entries tell it. */
import type { AuditEntry, ProposalView } from "@bulkhead/schemas";
import type { TestRuntime } from "../test/harness/runtime.ts";
import { persistently } from "./desk.ts";
import { round } from "./measure.ts";

/** A proposal, and when the person said yes (epoch ms). */
export interface Approved {
  readonly proposal: ProposalView;
  readonly saidAt: number;
}

/** The stages in their order, each with the audit entry that ends it. */
const STAGES: readonly AuditEntry["event"][] = [
  ...(["proposal.opened", "proposal.approved", "call.decided", "review.signed"] as const),
  ...(["effect.intent", "effect.done", "proposal.settled"] as const),
];

/** Mean ms from the word (of `proposal.approved`), or from one audit entry to the next in time, under the name of the later one. Entries have whole ms. */
export async function stages(rt: TestRuntime, calls: readonly Approved[]): Promise<Record<string, number>> {
  const sums = new Map<string, number[]>();
  for (const {
    proposal: { action, id },
    saidAt,
  } of calls) {
    const entries = await persistently(async () => {
      const found = await rt.entries(action.task);
      return found.some(({ event, proposal }) => event === "proposal.settled" && proposal === id) ? found : undefined;
    });
    const approvedAt = entries.find(({ event }) => event === "proposal.approved")?.at ?? 0;
    const later = entries
      .filter(({ event, at }) => STAGES.includes(event) && at >= approvedAt)
      .sort((a, b) => a.at - b.at);
    for (const [i, { event, at }] of later.entries()) {
      const before = later[i - 1]?.at ?? saidAt;
      sums.set(event, [...(sums.get(event) ?? []), at - before]);
    }
  }
  return Object.fromEntries(
    [...sums].map(([name, all]) => [`${name}Ms`, round(all.reduce((a, b) => a + b) / all.length)]),
  );
}
