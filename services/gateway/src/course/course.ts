/**
 * Owns: the way of one call after it is known to be well-formed: facts → decision → refusal, proposal or execution.
 * Does not own: what is permitted (`decide`), the second decision (watchdog), once-ness and the last check (executor).
 * Invariants: S1: no effect is asked of an executor, and no read's result handed out, before its decision is recorded. S2: no
 * effect without the watchdog's signature over the same bytes. S4: a call that is decided again is never decided below the first time.
 */
import { BulkheadError, ERROR_CODES, type ErrorCode, isBulkheadError, isErrorCode } from "@bulkhead/core";
import { type Reason, strictest, type Would } from "@bulkhead/policy";
import type { CallReply, Label, Tier } from "@bulkhead/schemas";
import type { Call, Gateway } from "../port.ts";
import { type Decided, decideNow } from "./decide-now.ts";
import { execute, recall } from "./execute.ts";
import { propose } from "./propose.ts";

/** What another decider says when it has seen something that this decision had not, and the tier that it then has at least. */
const RAISED: Readonly<Partial<Record<ErrorCode, Tier>>> = {
  "tier.raised": "AUTO",
  "signature.missing": "AUTO",
  "approval.required": "CONFIRM",
};

export async function runCourse(gateway: Gateway, call: Call): Promise<CallReply> {
  const first = await decideNow(gateway, call);
  const reply = await follow(gateway, call, first);
  const raised = raisedTo(reply);
  if (raised === undefined) return reply;
  const ceiling = strictest([call.ceiling, first.verdict.tier, raised]);
  return await follow(gateway, call, await decideNow(gateway, { ...call, ceiling }));
}

async function follow(gateway: Gateway, call: Call, { verdict, labels }: Decided): Promise<CallReply> {
  if (verdict.outcome === "deny") return await deny(gateway, call, labels, verdict);
  if (verdict.outcome === "propose") return await ask(gateway, call, { verdict, labels });
  try {
    return final(await execute(gateway, call, { verdict, labels }));
  } catch (error) {
    if (!isBulkheadError(error) || error.disposition === "retry") throw error;
    if (RAISED[error.code] === undefined) await gateway.record.refused(call, error.code, []);
    return { status: "refused", code: error.code, message: error.message.slice(0, 500) };
  }
}

/** What was released and needs a person now goes back to `proposals`, which asks one. */
async function ask(gateway: Gateway, call: Call, decided: Decided): Promise<CallReply> {
  if (call.approval === undefined) return await propose(gateway, call, decided);
  const recorded = await recall(gateway, call, { tier: decided.verdict.tier, labels: decided.labels });
  const { text } = ERROR_CODES["approval.required"];
  return recorded ?? { status: "refused", code: "approval.required", message: text };
}

interface Denial {
  readonly tier: Tier;
  readonly code: ErrorCode;
  readonly reasons: readonly Reason[];
  readonly would?: Would;
}

async function deny(
  gateway: Gateway,
  call: Call,
  labels: Label[],
  { tier, code, reasons, would }: Denial,
): Promise<CallReply> {
  const recorded = await recall(gateway, call, { tier, labels });
  if (recorded !== undefined) return recorded;
  if (would === undefined) await gateway.record.refused(call, code, reasons);
  else await gateway.record.observed(call, would);
  if (ERROR_CODES[code].disposition === "retry") throw new BulkheadError(code);
  return { status: "refused", code, message: ERROR_CODES[code].text };
}

/** A refusal for a passing reason is an error, so that it is not kept and can be asked again. */
function final(reply: CallReply): CallReply {
  const code = reply.status === "refused" && isErrorCode(reply.code) ? reply.code : undefined;
  if (code !== undefined && ERROR_CODES[code].disposition === "retry") throw new BulkheadError(code);
  return reply;
}

function raisedTo(reply: CallReply): Tier | undefined {
  return reply.status === "refused" && isErrorCode(reply.code) ? RAISED[reply.code] : undefined;
}
