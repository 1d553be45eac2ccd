import { ERROR_CODES, type ErrorCode, isErrorCode } from "@bulkhead/core";
import type { Verdict } from "@bulkhead/policy";
import type { CallReply, Label, OpenReply } from "@bulkhead/schemas";
import type { z } from "zod";
import type { Call, Gateway } from "../port.ts";
import { recall } from "./execute.ts";

type Ask = Extract<Verdict, { outcome: "ask" }>;
type Opened = z.infer<typeof OpenReply>;

/** Hands a call over to a person, or tells what became of it. */
export async function propose(
  gateway: Gateway,
  call: Call,
  { verdict, labels }: { readonly verdict: Ask; readonly labels: Label[] },
): Promise<CallReply> {
  const { tier, reasons } = verdict;
  const recorded = await recall(gateway, call, { tier, labels });
  if (recorded !== undefined) return recorded;
  await gateway.record.decided(call, verdict, labels);
  const { action, leaseEnvelope: lease } = call;
  const opened = await gateway.bus.request("open", { action, tier, labels, reasons: [...reasons], lease });
  return replyOf(opened);
}

function replyOf({ proposal, state, code, reason }: Opened): CallReply {
  if (["pending", "approved", "released"].includes(state)) return { status: "pending", proposal };
  if (state === "denied") return { ...refused("approval.denied"), ...(reason !== undefined && { reason }) };
  if (state === "expired") return refused("approval.expired");
  if (state === "unknown") return { status: "unknown", code: "outcome.unknown" };
  if (state === "failed") return refused(isErrorCode(code) ? code : "call.failed");
  return isErrorCode(code) ? refused(code) : { status: "pending" };
}

function refused(code: ErrorCode): Extract<CallReply, { status: "refused" }> {
  return { status: "refused", code, message: ERROR_CODES[code].text };
}
