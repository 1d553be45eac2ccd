import { digest, parseJson } from "@bulkhead/core";
import { termsDigest } from "@bulkhead/policy";
import type { ProposalDocument } from "@bulkhead/schemas";
import type { Proposals } from "../port.ts";
import { type Applied, apply } from "./apply.ts";
import { renewed } from "./due.ts";
import type { ProposalEventType } from "./proposal.machine.ts";
import { askGateway, current, type Release } from "./release.ts";

/** Runs what was approved, held until its window closed, or may be undone. */
export async function run(proposals: Proposals, document: ProposalDocument): Promise<void> {
  const reply = await askGateway(proposals, document._id, requestOf(document));
  if (reply === undefined) return;
  const now = await current(proposals, document);
  if (now === undefined) return;
  if (reply.status === "done") await apply(proposals, now, { type: "executed" }, windowOf(proposals, now, reply.undo));
  else if (reply.status === "unknown") await end(proposals, now, "unknown", reply.code);
  else if (reply.code === "approval.required" && now.terms.mode !== "ask") await ask(proposals, now);
  else await end(proposals, now, "failed", reply.code);
}

function requestOf({ action, lease, terms, approvals, before }: ProposalDocument): Release {
  const held = terms.mode === "hold" && before !== undefined;
  const state = held ? { before: digest("state", parseJson(Buffer.from(before))) } : {};
  return { purpose: "run", action, lease, approval: { terms, decisions: approvals }, ...state };
}

async function end(proposals: Proposals, document: ProposalDocument, type: ProposalEventType, code: string) {
  await apply(proposals, document, { type }, { set: { code } });
}

/** What ran begins its window now; without a way back there is none. */
function windowOf(
  { clock }: Proposals,
  { terms, windowMs }: ProposalDocument,
  undo: ProposalDocument["undo"],
): Applied {
  if (terms.mode !== "compensate") return {};
  return { set: { dueAt: clock.now() + windowMs, ...(undo && { undo }) } };
}

/** What was released needs a person now, since something was raised meanwhile: it is asked, under terms that say so. */
async function ask(proposals: Proposals, document: ProposalDocument): Promise<void> {
  const { set } = renewed(proposals, document);
  const terms = { ...(set?.terms ?? document.terms), tier: "CONFIRM" as const, mode: "ask" as const };
  const changed = { ...set, terms, tier: terms.tier, digest: termsDigest(terms) };
  await apply(proposals, document, { type: "raised" }, { set: changed });
}
