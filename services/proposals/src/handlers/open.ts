import { setTimeout as sleep } from "node:timers/promises";
import type { Received } from "@bulkhead/bus";
import { BulkheadError, digest, newId, newSeed } from "@bulkhead/core";
import { actionDigest, approvalsFor, termsDigest, windowFor } from "@bulkhead/policy";
import type { BodyOf, ProposalDocument, ProposalTerms, ReplyOf } from "@bulkhead/schemas";
import { oneOf } from "@bulkhead/store";
import type { Proposals } from "../port.ts";
import { recorded } from "../proposal/apply.ts";
import { INITIAL } from "../proposal/proposal.machine.ts";

type Opening = BodyOf<"open">;

/** Far below what a stored proposal may hold, so that those who ask at the same moment cannot make it unreadable. */
const MAX_ALSO = 500;

/** Nobody waits long: what takes longer is told when the call is asked again. */
const PATIENCE_MS = 1_400;

/** `bh.proposal.open`: a call that is not simply run. Asked again, it tells what became of it. */
export async function open(proposals: Proposals, { body }: Received<"open">): Promise<ReplyOf<"open">> {
  const { callId } = body.action;
  const epoch = proposals.policy.epoch;
  const known = await proposals.documents.findOne([
    { callId, epoch },
    { also: callId, epoch },
  ]);
  if (known !== undefined) return replyTo(body, known);
  const actionKey = actionKeyOf(body);
  const [newest] = await proposals.documents.find({ actionKey }, { sort: { round: -1 }, limit: 1 });
  if (newest?.epoch === epoch && WAITING.includes(newest.state)) return await join(proposals, body, newest);
  return await create(proposals, body, { actionKey, round: newest === undefined ? 0 : newest.round + 1 });
}

type Place = Pick<ProposalDocument, "actionKey" | "round">;
const WAITING: readonly ProposalDocument["state"][] = ["pending", "holding"];

async function create(proposals: Proposals, body: Opening, place: Place): Promise<ReplyOf<"open">> {
  const { documents, record, effects } = proposals;
  await assertRoom(proposals, body.action.agent);
  const document = documentOf(proposals, body, place);
  const inserted = await documents.insert(document);
  if (!inserted.ok) throw new BulkheadError("store.conflict");
  await record.changed("proposal.opened", document);
  recorded(proposals, document);
  if (document.state !== "released") {
    void effects.renew(proposals, document);
    return { proposal: document._id, state: document.state };
  }
  await Promise.race([effects.release(proposals, document), sleep(PATIENCE_MS, undefined, { ref: false })]);
  return replyTo(body, (await documents.findOne({ _id: document._id })) ?? document);
}

/** The same action of the same agent is already before a person: one decision for both, and the effect once (DED-03). */
async function join(proposals: Proposals, { action }: Opening, document: ProposalDocument): Promise<ReplyOf<"open">> {
  const { _id, state } = document;
  if (document.also.length >= MAX_ALSO) throw new BulkheadError("proposal.limit");
  const changes = { addToSet: { also: action.callId }, inc: { asked: 1 } };
  if (!(await proposals.documents.compareAndSet({ _id, state }, changes))) throw new BulkheadError("store.conflict");
  await proposals.record.repeated(document, action.callId);
  return { proposal: _id, state };
}

function replyTo({ action }: Opening, document: ProposalDocument): ReplyOf<"open"> {
  const { _id: proposal, state, code, reason } = document;
  const own = document.callId === action.callId;
  if (own && document.terms.action !== actionDigest(action)) throw new BulkheadError("call.conflict");
  const ran = state === "executed" || state === "window";
  const told = !own && ran ? "dedup.conflict" : code;
  return { proposal, state, ...(told !== undefined && { code: told }), ...(reason !== undefined && { reason }) };
}

async function assertRoom({ documents, policy }: Proposals, agent: string): Promise<void> {
  const waiting = await documents.count({ agent, state: oneOf(["pending", "holding", "editing"]) });
  if (waiting >= policy.policy.approval.maxPendingPerAgent) throw new BulkheadError("proposal.limit");
}

function documentOf({ clock, policy }: Proposals, body: Opening, place: Place): ProposalDocument {
  const { action, tier, mode, labels, reasons, lease, parent, before } = body;
  const { agent, task, tool, callId } = action;
  const { approval, retention } = policy.policy;
  const now = clock.now();
  const [windowMs, needed] = [windowFor(policy, action), approvalsFor(policy, action).count];
  const waitMs = mode === "ask" ? approval.timeoutMs : windowMs;
  const terms = termsOf(body, policy.epoch, now + approval.timeoutMs + (mode === "hold" ? windowMs : 0));
  return {
    _id: terms.id,
    ...{ callId, epoch: policy.epoch, agent, task, tool, action, terms, tier, labels, reasons, lease, ...place },
    digest: termsDigest(terms),
    state: INITIAL[mode],
    ...{ asked: 1, also: [], approvals: [], needed, windowMs, version: 1, unrecorded: "proposal.opened" },
    ...(parent !== undefined && { parent }),
    ...(before !== undefined && { before }),
    openedAt: now,
    dueAt: now + waitMs,
    updatedAt: now,
    expires: new Date(terms.expiresAt + windowMs + retention.taskMs),
  };
}

function termsOf({ action, tier, mode }: Opening, policyEpoch: string, expiresAt: number): ProposalTerms {
  const { tool } = action;
  const said = { action: actionDigest(action), tool, tier, mode, policyEpoch };
  return { v: 1, id: newId("p"), ...said, expiresAt, nonce: newSeed() };
}

function actionKeyOf({ action: { agent, tool, args } }: Opening): string {
  return digest("pending-action", { agent, tool, args });
}
