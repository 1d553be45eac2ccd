import { BulkheadError, sameDigest, toWire } from "@bulkhead/core";
import type { CallReply } from "@bulkhead/schemas";
import type { z } from "zod";
import { type Ran, readBack } from "../adapter.ts";
import { isUndone } from "../capture.ts";
import type { Claim, Outcome } from "../claims.ts";
import type { Parts, PermittedCall } from "../parts.ts";

type Reply = z.infer<typeof CallReply>;

const LOST = "It was interrupted before it had an effect.";

/** Records what came of an effect, and answers with it. */
export async function settle(parts: Parts, call: PermittedCall, claim: Claim, ran: Ran): Promise<Reply> {
  if (ran.kind === "done" && call.action.undoes !== undefined && !(await isUndone(parts, call)))
    return await ended(parts, call, claim, { status: "failed", ...toWire(new BulkheadError("undo.unverified")) });
  if (ran.kind === "done") return await done(parts, call, claim, ran.text);
  if (ran.kind === "failed") return await ended(parts, call, claim, { status: "failed", ...toWire(ran.error) });
  const found = await readBack(parts, call);
  if (found !== "unknown" && found.found) return await done(parts, call, claim, String(found.result));
  if (found === "unknown" || ran.running)
    return await ended(parts, call, claim, { status: "unknown", code: "outcome.unknown" });
  return await ended(parts, call, claim, { status: "failed", code: "call.failed", message: LOST });
}

/** Answers a call that was claimed before: with its recorded end, or by settling what its owner left behind. */
export async function answerFrom(parts: Parts, call: PermittedCall, claim: Claim): Promise<Reply> {
  if (!sameDigest(claim.action, call.digest)) {
    await parts.events.conflict(call.action, call.digest, claim.action);
    throw new BulkheadError("call.conflict");
  }
  if (claim.state === "acting" && claim.deadline < parts.runtime.clock.now())
    return await settle(parts, call, claim, { kind: "unsure", running: false });
  if (claim.state === "claimed" || claim.state === "acting") return { status: "pending" };
  return claim.reply === undefined ? await completed(parts, call, claim) : await recorded(parts, claim.reply);
}

async function done(parts: Parts, call: PermittedCall, claim: Claim, text: string): Promise<Reply> {
  const { callId, task } = call.action;
  const tier = call.grant.tier;
  const result = await parts.content.put(task, callId, call.loaded, text).stored.catch((error: unknown) => {
    parts.runtime.log.warn({ callId, ...toWire(error) }, "result not stored yet");
    return undefined;
  });
  const undo = claim.undo && { undo: claim.undo };
  const stored: Outcome | undefined = result && { status: "done", tier, result: { ...result, text: "" }, ...undo };
  if (!(await parts.claims.settle(claim, "done", stored))) return { status: "pending" };
  const content = result && { content: result.ref, labels: result.labels, causes: [`content:${result.ref}`] };
  await parts.events.call("effect.done", call, content);
  return result === undefined ? { status: "pending" } : { status: "done", tier, result, ...undo };
}

async function ended(
  parts: Parts,
  call: PermittedCall,
  claim: Claim,
  outcome: Exclude<Outcome, { status: "done" }>,
): Promise<Reply> {
  if (!(await parts.claims.settle(claim, outcome.status, outcome))) return { status: "pending" };
  await parts.events.call(outcome.status === "failed" ? "effect.failed" : "effect.unknown", call, {
    code: outcome.code,
  });
  return outcome;
}

/** The effect was done, its result could not be stored then: what is known of it is stored now. */
async function completed(parts: Parts, call: PermittedCall, claim: Claim): Promise<Reply> {
  const found = await readBack(parts, call);
  const text =
    found !== "unknown" && found.found ? String(found.result) : JSON.stringify({ done: true, effect: claim.effectId });
  const { callId, task } = call.action;
  const result = await parts.content.put(task, callId, call.loaded, text).stored;
  const reply = { status: "done", tier: call.grant.tier, result, ...(claim.undo && { undo: claim.undo }) } as const;
  await parts.claims.complete(claim, { ...reply, result: { ...result, text: "" } });
  return reply;
}

/** The recorded end. Its text lies in the content store, for as long as the policy keeps it. */
export async function recorded({ content }: Pick<Parts, "content">, reply: Reply): Promise<Reply> {
  if (reply.status !== "done") return reply;
  return { ...reply, result: { ...reply.result, text: await content.get(reply.result.ref) } };
}
