/**
 * Owns: the order in which an effect happens: claim, labels, capture of what would undo it, intent (acknowledged), acting, adapter, outcome.
 * Does not own: whether it may (verify.ts), what it does (the adapter).
 * Invariants: S1: no adapter is called before the intent is acknowledged; S10: it is called at most once for a call id,
 * whatever dies when; three writes: claim, acting, outcome.
 */
import { BulkheadError, digest } from "@bulkhead/core";
import type { CallReply } from "@bulkhead/schemas";
import { normaliseArgs } from "@bulkhead/tools";
import type { z } from "zod";
import { runAdapter } from "../adapter.ts";
import { capture } from "../capture.ts";
import type { Claim } from "../claims.ts";
import type { Parts, PermittedCall } from "../parts.ts";
import { raiser } from "../raise.ts";
import { assertFloor } from "../verify.ts";
import { answerFrom, settle } from "./settle.ts";

type Reply = z.infer<typeof CallReply>;

/** A claim that nobody acted on may change hands after this long: the steps in between take milliseconds. */
const CLAIM_MS = 5_000;
/** How long after a tool's own deadline another replica settles what became of it. */
const MARGIN_MS = 3_000;
const KEPT_MS = 30 * 86_400_000;
/** A claim outlives whatever could still ask for its call. */
const SPARE_MS = 86_400_000;

export function effects(parts: Parts): (call: PermittedCall) => Promise<Reply> {
  const raise = raiser(parts);
  return async (call) => {
    const { claims, events, runtime } = parts;
    const taken = await claims.take(claimOf(parts, call), call.loaded.contract.dedup?.windowMs ?? 0);
    if (taken.kind === "duplicate") throw new BulkheadError("dedup.conflict");
    if (taken.kind === "known") return await answerFrom(parts, call, taken.claim);
    await raise(call);
    const captured = await capture(parts, call);
    await events.call("effect.intent", call);
    assertFloor(runtime, call);
    const deadline = runtime.clock.now() + call.loaded.contract.timeoutMs + MARGIN_MS;
    const acting = { ...taken.claim, ...captured, state: "acting" as const, deadline };
    if (!(await claims.act(taken.claim, deadline, captured))) return { status: "pending" };
    return await settle(parts, call, acting, await runAdapter(parts, call));
  };
}

function claimOf({ runtime }: Parts, call: PermittedCall): Claim {
  const { action, digest: own, effectId, loaded } = call;
  const now = runtime.clock.now();
  const { dedup } = loaded.contract;
  const { approval, retention } = runtime.policy.policy;
  const keptMs = Math.max(KEPT_MS, approval.timeoutMs + retention.taskMs, dedup?.windowMs ?? 0) + SPARE_MS;
  return {
    ...{ _id: action.callId, task: action.task, agent: action.agent, tool: action.tool, action: own, effectId },
    ...(dedup && { dedupKey: dedupKey(call, dedup.key) }),
    ...{
      state: "claimed",
      owner: runtime.instance,
      deadline: now + CLAIM_MS,
      at: now,
      expires: new Date(now + keptMs),
    },
  };
}

/** The values that make two calls the same effect, in the form in which they are compared (DED-01). */
function dedupKey({ loaded, action }: PermittedCall, key: readonly string[]): string {
  const args = normaliseArgs(loaded.contract.inputSchema, action.args);
  return digest("dedup", { tool: action.tool, values: key.map((name) => args[name] ?? null) });
}
