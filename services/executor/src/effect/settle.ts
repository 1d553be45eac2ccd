import { setTimeout as sleep } from "node:timers/promises";
import { BulkheadError, sameDigest, toWire } from "@bulkhead/core";
import type { AuditEvent, CallReply } from "@bulkhead/schemas";
import type { AuditFields } from "@bulkhead/service";
import type { z } from "zod";
import { type Ran, readBack } from "../adapter.ts";
import { isUndone } from "../capture.ts";
import type { Claim, Outcome } from "../claims.ts";
import type { Parts, PermittedCall } from "../parts.ts";

type Reply = z.infer<typeof CallReply>;

/** Less than the margin that a claim's deadline leaves after its tool's own. */
const RECORD_MS = 1_000;
const LOST = "It was interrupted before it had an effect.";

/** Records what came of an effect, and answers with it. */
export async function settle(parts: Parts, call: PermittedCall, claim: Claim, ran: Ran): Promise<Reply> {
  if (ran.kind === "done") return await happened(parts, call, claim, ran.text);
  if (ran.kind === "failed") return await ended(parts, call, claim, { status: "failed", ...toWire(ran.error) });
  const found = await readBack(parts, call);
  if (found !== "unknown" && found.found) return await happened(parts, call, claim, String(found.result));
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

/** An undo counts only if reading back shows the state before. */
async function happened(parts: Parts, call: PermittedCall, claim: Claim, text: string): Promise<Reply> {
  const undone = call.action.undoes === undefined || (await isUndone(parts, call));
  if (undone) return await done(parts, call, claim, text);
  return await ended(parts, call, claim, { status: "failed", ...toWire(new BulkheadError("undo.unverified")) });
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
  const content = result && { content: result.ref, labels: result.labels, causes: [`content:${result.ref}`] };
  if (!(await end(parts, call, claim, { event: "effect.done", fields: content, state: "done", reply: stored })))
    return { status: "pending" };
  return result === undefined ? { status: "pending" } : { status: "done", tier, result, ...undo };
}

async function ended(
  parts: Parts,
  call: PermittedCall,
  claim: Claim,
  outcome: Exclude<Outcome, { status: "done" }>,
): Promise<Reply> {
  const event = outcome.status === "failed" ? "effect.failed" : "effect.unknown";
  const fields = { code: outcome.code };
  const mine = await end(parts, call, claim, { event, fields, state: outcome.status, reply: outcome });
  return mine ? outcome : { status: "pending" };
}

interface Ending {
  readonly event: AuditEvent;
  readonly fields: AuditFields | undefined;
  readonly state: Outcome["status"];
  readonly reply: Outcome | undefined;
}

/**
 * The record first, then the claim's end: a crash in between brings the record once more, and never none. An outcome must not be
 * lost to a record that is away, either: then the end says that it is not recorded, and a sweep sees to it.
 */
async function end(parts: Parts, call: PermittedCall, claim: Claim, ending: Ending): Promise<boolean> {
  const { claims, events, runtime } = parts;
  const record = events.call(ending.event, call, ending.fields);
  const unrecorded = (await soon(record)) ? undefined : ending.event;
  const mine = await claims.settle(claim, ending.state, { reply: ending.reply, ...(unrecorded && { unrecorded }) });
  if (unrecorded !== undefined)
    record
      .then(() => claims.told(claim))
      .catch((error: unknown) => {
        runtime.log.warn({ callId: call.action.callId, ...toWire(error) }, "outcome not recorded yet");
      });
  return mine;
}

/** Whether it is acknowledged well within the time that the claim's end has. */
async function soon(record: Promise<void>): Promise<boolean> {
  const late = new AbortController();
  const patience = sleep(RECORD_MS, false, { signal: late.signal }).catch(() => false);
  const recorded = record.then(
    () => true,
    () => false,
  );
  return await Promise.race([recorded, patience]).finally(() => {
    late.abort();
  });
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
