import { ERROR_CODES, type ErrorCode, isErrorCode, toWire } from "@bulkhead/core";
import { type Reason, rankOf, type Verdict } from "@bulkhead/policy";
import { type CallReply, type Label, type OpenReply, type Tier } from "@bulkhead/schemas";
import type { z } from "zod";
import type { Call, Gateway } from "../port.ts";
import { type Decided, decideNow } from "./decide-now.ts";
import { preview, recall } from "./execute.ts";

type Proposed = Extract<Verdict, { outcome: "propose" }>;
type Opened = z.infer<typeof OpenReply>;

/** Hands a call over to `proposals`, when the watchdog has seen it, or tells what became of it. */
export async function propose(gateway: Gateway, call: Call, { verdict, labels }: Decided): Promise<CallReply> {
  const { tier } = verdict;
  const recorded = await recall(gateway, call, { tier, labels });
  if (recorded !== undefined) return recorded;
  if (verdict.outcome !== "propose") return await refuse(gateway, call, codeOf(verdict));
  const found = await validated(gateway, call, verdict);
  if (rankOf(found.tier) > rankOf(tier)) {
    const stricter = { ...call, ceiling: found.tier };
    return await propose(gateway, stricter, await decideNow(gateway, stricter));
  }
  await gateway.record.decided(call, verdict, labels);
  const reasons = [...new Set([...verdict.reasons, ...found.reasons])];
  return await open(gateway, call, { verdict: { ...verdict, reasons }, labels });
}

async function refuse(gateway: Gateway, call: Call, code: ErrorCode): Promise<CallReply> {
  await gateway.record.refused(call, code, []);
  return refused(code);
}

const codeOf = (verdict: Verdict): ErrorCode => (verdict.outcome === "deny" ? verdict.code : "approval.required");

interface Found {
  readonly tier: Tier;
  readonly reasons: readonly Reason[];
}

/** What the watchdog finds itself; where that is stricter, the call is decided again. */
async function validated(gateway: Gateway, call: Call, { tier, mode }: Proposed): Promise<Found> {
  const { action, leaseEnvelope: lease, original, edits } = call;
  const edit = original && edits && { edits: { original, approval: edits } };
  const found = await gateway.bus.request("validate", { action, lease, tier, mode, ...edit });
  return { tier: found.tier, reasons: found.reasons as Reason[] };
}

async function open(
  gateway: Gateway,
  call: Call,
  { verdict, labels }: { readonly verdict: Proposed; readonly labels: Label[] },
): Promise<CallReply> {
  const { action, leaseEnvelope: lease, edits } = call;
  const { tier, mode, reasons } = verdict;
  const before = await preview(gateway, call, { tier, labels }).catch((error: unknown) => {
    gateway.log.info({ callId: action.callId, ...toWire(error) }, "no preview");
    return undefined;
  });
  const parent = edits && { parent: edits.terms.id };
  const said = { reasons: reasons.slice(0, 16), ...parent, ...(before !== undefined && { before }) };
  const opened = await gateway.bus.request("open", { action, tier, mode, labels, lease, ...said });
  const ran = RAN.includes(opened.state) ? await recall(gateway, call, { tier, labels }) : undefined;
  return ran ?? replyOf(opened);
}

const WAITING: readonly Opened["state"][] = ["pending", "holding", "editing", "released"];
/** It ran: what the executor recorded is the answer. */
const RAN: readonly Opened["state"][] = ["window", "undoing", "executed", "undone", "undo-failed"];

function replyOf({ proposal, state, code, reason }: Opened): CallReply {
  if (WAITING.includes(state)) return { status: "pending", proposal };
  if (state === "unknown") return { status: "unknown", code: "outcome.unknown" };
  const said = reason === undefined ? {} : { reason };
  if (isErrorCode(code)) return { ...refused(code), ...said };
  if (RAN.includes(state)) return { status: "pending" };
  return { ...refused(ENDED[state] ?? "call.failed"), ...said };
}

const ENDED: Readonly<Partial<Record<Opened["state"], ErrorCode>>> = {
  denied: "approval.denied",
  expired: "approval.expired",
  cancelled: "approval.cancelled",
  withdrawn: "approval.withdrawn",
  edited: "approval.edited",
  superseded: "policy.epoch",
};

function refused(code: ErrorCode): Extract<CallReply, { status: "refused" }> {
  return { status: "refused", code, message: ERROR_CODES[code].text };
}
