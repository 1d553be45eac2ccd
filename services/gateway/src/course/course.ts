/**
 * Owns: the way of one call after it is known to be well-formed: facts → decision → refusal, proposal or execution.
 * Does not own: what is permitted (`decide`), the second decision (watchdog), once-ness and the last check (executor).
 * Invariants: S1: no effect is asked of an executor, and no read's result handed out, before its decision is recorded. S2: no
 * effect without the watchdog's signature over the same bytes. S4: a call that is decided again is never decided below the first time.
 */
import { BulkheadError, ERROR_CODES, type ErrorCode, isBulkheadError, isErrorCode } from "@bulkhead/core";
import { decide, hasEffect, type Reason, strictest, type Verdict } from "@bulkhead/policy";
import type { CallReply, Label, Tier } from "@bulkhead/schemas";
import type { Call, Gateway } from "../port.ts";
import { execute, recall } from "./execute.ts";
import { propose } from "./propose.ts";

/** What another decider says when it has seen a label that this decision had not. */
const RAISED: readonly ErrorCode[] = ["tier.raised", "signature.missing", "approval.required"];

export async function runCourse(gateway: Gateway, call: Call): Promise<CallReply> {
  const first = await decideNow(gateway, call, call.lease.ceiling);
  const reply = await follow(gateway, call, first);
  if (!isRaised(reply)) return reply;
  const second = await decideNow(gateway, call, strictest([call.lease.ceiling, first.verdict.tier]));
  return await follow(gateway, call, second);
}

interface Decided {
  readonly verdict: Verdict;
  readonly labels: Label[];
}

async function decideNow(gateway: Gateway, { action, approval }: Call, ceiling: Tier): Promise<Decided> {
  const { policy, clock, control } = gateway;
  const labels = hasEffect(policy, action.tool) ? await gateway.labels.of(action.task) : [];
  const facts = { policy, labels, control: control.view(), now: clock.now(), approved: approval !== undefined };
  return { verdict: decide({ agent: action.agent, tool: action.tool, ceiling }, facts), labels };
}

async function follow(gateway: Gateway, call: Call, { verdict, labels }: Decided): Promise<CallReply> {
  if (verdict.outcome === "deny") return await deny(gateway, call, labels, verdict);
  if (verdict.outcome === "ask") return await propose(gateway, call, { verdict, labels });
  try {
    return final(await execute(gateway, call, { verdict, labels }));
  } catch (error) {
    if (!isBulkheadError(error) || error.disposition === "retry") throw error;
    if (!RAISED.includes(error.code)) await gateway.record.refused(call, error.code, []);
    return { status: "refused", code: error.code, message: error.message.slice(0, 500) };
  }
}

interface Denial {
  readonly tier: Tier;
  readonly code: ErrorCode;
  readonly reasons: readonly Reason[];
}

async function deny(
  gateway: Gateway,
  call: Call,
  labels: Label[],
  { tier, code, reasons }: Denial,
): Promise<CallReply> {
  const recorded = await recall(gateway, call, { tier, labels });
  if (recorded !== undefined) return recorded;
  await gateway.record.refused(call, code, reasons);
  if (ERROR_CODES[code].disposition === "retry") throw new BulkheadError(code);
  return { status: "refused", code, message: ERROR_CODES[code].text };
}

/** A refusal for a passing reason is an error, so that it is not kept and can be asked again. */
function final(reply: CallReply): CallReply {
  const code = reply.status === "refused" && isErrorCode(reply.code) ? reply.code : undefined;
  if (code !== undefined && ERROR_CODES[code].disposition === "retry") throw new BulkheadError(code);
  return reply;
}

function isRaised(reply: CallReply): boolean {
  return reply.status === "refused" && RAISED.some((code) => code === reply.code);
}
