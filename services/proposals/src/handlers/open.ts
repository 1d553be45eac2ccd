import type { Received } from "@bulkhead/bus";
import { BulkheadError, digest, newId, newSeed } from "@bulkhead/core";
import { actionDigest, termsDigest } from "@bulkhead/policy";
import type { BodyOf, ProposalDocument, ProposalTerms, ReplyOf } from "@bulkhead/schemas";
import type { Proposals } from "../port.ts";
import { setTimer } from "../proposal/timer.ts";

type Opening = BodyOf<"open">;

/** Far below what a stored proposal may hold, so that those who ask at the same moment cannot make it unreadable. */
const MAX_ALSO = 500;

/** `bh.proposal.open`: a call that a person must decide. Asked again, it tells what became of it. */
export async function open(proposals: Proposals, { body }: Received<"open">): Promise<ReplyOf<"open">> {
  const { callId } = body.action;
  const known = await proposals.documents.findOne([{ callId }, { also: callId }]);
  if (known !== undefined) return replyTo(body, known);
  const actionKey = actionKeyOf(body);
  const [newest] = await proposals.documents.find({ actionKey }, { sort: { round: -1 }, limit: 1 });
  if (newest?.state === "pending") return await join(proposals, body, newest);
  return await create(proposals, body, { actionKey, round: newest === undefined ? 0 : newest.round + 1 });
}

type Place = Pick<ProposalDocument, "actionKey" | "round">;

async function create(proposals: Proposals, body: Opening, place: Place): Promise<ReplyOf<"open">> {
  const { documents, record, log } = proposals;
  await assertRoom(proposals, body.action.agent);
  const document = documentOf(proposals, body, place);
  const inserted = await documents.insert(document);
  if (!inserted.ok) throw new BulkheadError("store.conflict");
  await record.changed("proposal.opened", document);
  setTimer(proposals, document).catch((error: unknown) => {
    log.debug({ proposal: document._id, error: String(error) }, "no timer: the sweep will find it");
  });
  return { proposal: document._id, state: document.state };
}

/** The same action of the same agent is already before a person: one decision for both, and the effect once (DED-03). */
async function join(proposals: Proposals, { action }: Opening, document: ProposalDocument): Promise<ReplyOf<"open">> {
  const { _id } = document;
  if (document.also.length >= MAX_ALSO) throw new BulkheadError("proposal.limit");
  const changes = { addToSet: { also: action.callId }, inc: { asked: 1 } };
  if (!(await proposals.documents.compareAndSet({ _id, state: "pending" }, changes)))
    throw new BulkheadError("store.conflict");
  await proposals.record.repeated(document, action.callId);
  return { proposal: _id, state: "pending" };
}

function replyTo({ action }: Opening, document: ProposalDocument): ReplyOf<"open"> {
  const { _id: proposal, state, code, reason } = document;
  const own = document.callId === action.callId;
  if (own && document.terms.action !== actionDigest(action)) throw new BulkheadError("call.conflict");
  const told = !own && state === "executed" ? "dedup.conflict" : code;
  return { proposal, state, ...(told !== undefined && { code: told }), ...(reason !== undefined && { reason }) };
}

async function assertRoom({ documents, policy }: Proposals, agent: string): Promise<void> {
  const pending = await documents.count({ agent, state: "pending" });
  if (pending >= policy.policy.approval.maxPendingPerAgent) throw new BulkheadError("proposal.limit");
}

function documentOf({ clock, policy }: Proposals, body: Opening, place: Place): ProposalDocument {
  const { action, tier, labels, reasons, lease } = body;
  const { agent, task, tool, callId } = action;
  const { approval, retention } = policy.policy;
  const now = clock.now();
  const terms = termsOf(body, policy.epoch, now + approval.timeoutMs);
  return {
    _id: terms.id,
    ...{ callId, agent, task, tool, action, terms, tier, labels, reasons, lease, ...place },
    digest: termsDigest(terms),
    state: "pending",
    asked: 1,
    also: [],
    openedAt: now,
    dueAt: terms.expiresAt,
    updatedAt: now,
    expires: new Date(now + approval.timeoutMs + retention.taskMs),
  };
}

function termsOf({ action, tier }: Opening, policyEpoch: string, expiresAt: number): ProposalTerms {
  const { tool } = action;
  return { v: 1, id: newId("p"), action: actionDigest(action), tool, tier, policyEpoch, expiresAt, nonce: newSeed() };
}

function actionKeyOf({ action: { agent, tool, args } }: Opening): string {
  return digest("pending-action", { agent, tool, args });
}
