import { setTimeout as sleep } from "node:timers/promises";
import { asBulkheadError, toWire } from "@bulkhead/core";
import { AUDIT_EVENTS, type ProposalDocument } from "@bulkhead/schemas";
import { lte, ne, oneOf } from "@bulkhead/store";
import type { Proposals } from "./port.ts";
import { apply, recorded } from "./proposal/apply.ts";
import { due } from "./proposal/due.ts";
import type { EffectName, ProposalEventType } from "./proposal/proposal.machine.ts";

const INTERVAL_MS = 1_000;
/** Longer than one attempt of whoever is at it. */
const ABANDONED_MS = 5_000;
const PAGE = { limit: 100 };

/** Finds what is due, and what a crash or an absent service left undone. */
export function startSweep(proposals: Proposals): void {
  void sweepUntilEnd(proposals);
}

async function sweepUntilEnd(proposals: Proposals): Promise<void> {
  const { signal, log } = proposals;
  while (!signal.aborted) {
    await sweep(proposals).catch((error: unknown) => {
      log.warn(toWire(asBulkheadError(error)), "sweep failed");
    });
    await sleep(INTERVAL_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** The states in which something runs, and the effect that takes it up again. */
const RUNNING: Readonly<Partial<Record<ProposalDocument["state"], EffectName>>> = {
  released: "release",
  undoing: "undo",
  editing: "reopen",
};

async function sweep(proposals: Proposals): Promise<void> {
  const { documents, clock, effects, record, policy } = proposals;
  const now = clock.now();
  const abandoned = { updatedAt: lte(now - ABANDONED_MS) };
  await supersede(proposals);
  for (const document of await documents.find(
    { state: oneOf(["pending", "holding", "window"]), dueAt: lte(now) },
    PAGE,
  ))
    await due(proposals, document);
  for (const document of await documents.find({ state: oneOf(Object.keys(RUNNING)), ...abandoned }, PAGE)) {
    const name = RUNNING[document.state];
    if (name !== undefined && document.epoch === policy.epoch) void effects[name](proposals, document);
  }
  for (const document of await documents.find({ untold: true }, PAGE)) void effects.tell(proposals, document);
  for (const document of await documents.find({ unrecorded: oneOf(AUDIT_EVENTS), ...abandoned }, PAGE)) {
    if (document.unrecorded !== undefined) await record.changed(document.unrecorded, document, document.decidedBy);
    recorded(proposals, document);
  }
}

/** What was under way under another policy is no longer decided on: whether it happened is a person's to find out. */
const UNDER_WAY: Readonly<Partial<Record<ProposalDocument["state"], ProposalEventType>>> = {
  released: "unknown",
  undoing: "undoFailed",
};

/** What waits under another policy is decided anew: the call that asked is asked again, under this one. */
async function supersede(proposals: Proposals): Promise<void> {
  const { documents, policy } = proposals;
  const waiting = {
    state: oneOf(["pending", "holding", "editing", ...Object.keys(UNDER_WAY)]),
    epoch: ne(policy.epoch),
  };
  for (const document of await documents.find(waiting, PAGE)) {
    const type = UNDER_WAY[document.state] ?? "supersede";
    await apply(proposals, document, { type }, { set: { code: "policy.epoch" } });
  }
}
