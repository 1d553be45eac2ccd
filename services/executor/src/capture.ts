/**
 * Owns: what is read around an effect so that it can be undone: the state before it, its inverse, and the state after an undo.
 * Does not own: running either (effect/), whether it may run (verify.ts).
 * Invariants: TIER-08: no PROPOSE call of `compensate` runs before what would undo it is captured, and kept with the claim in the same
 * write that lets it act; an undo runs only with what was captured, and counts only if reading back shows the state before.
 */
import { BulkheadError, canonical, digest, sameDigest } from "@bulkhead/core";
import type { JsonValue, ReplyOf } from "@bulkhead/schemas";
import { MAX_STATE, stateText } from "@bulkhead/tools";
import { captured, stateBefore } from "./adapter.ts";
import type { Claim } from "./claims.ts";
import type { Parts, PermittedCall } from "./parts.ts";
import { assertFloor } from "./verify.ts";

/** What is kept with a claim. */
export type Kept = Pick<Claim, "undo" | "before">;

/** Reads what a call needs before it may act. @throws BulkheadError `undo.invalid`, `state.changed`, `tier.propose.rollback` */
export async function capture(parts: Parts, call: PermittedCall): Promise<Kept> {
  if (call.action.undoes !== undefined) await assertCaptured(parts, call);
  const { rollback } = call.loaded.contract;
  const held = call.grant.tier === "PROPOSE" && rollback?.mode === "hold" && call.loaded.tool.state !== undefined;
  if (held) await assertUnchanged(parts, call, call.before);
  if (call.grant.tier !== "PROPOSE" || rollback?.mode !== "compensate") return {};
  const { before, inverse } = await captured(parts, call);
  return { undo: inverse, before: stateDigest(before) };
}

/** Whether what an undo had undone is as it was before. */
export async function isUndone(parts: Parts, { action, undone }: PermittedCall): Promise<boolean> {
  const claim = action.undoes === undefined ? undefined : await parts.claims.find(action.undoes);
  const state = undone && (await stateBefore(parts, undone).catch(() => undefined));
  return claim?.before !== undefined && state !== undefined && sameDigest(claim.before, stateDigest(state));
}

/** The state that a call would change, for a person to see. */
export async function previewOf(parts: Parts, call: PermittedCall): Promise<ReplyOf<"exec">> {
  assertFloor(parts.runtime, call);
  parts.runtime.policy.checkArgs(call.action.tool, call.action.args);
  if (call.loaded.tool.state === undefined) return { status: "preview", state: "" };
  const state = await stateBefore(parts, call).catch(() => undefined);
  const text = state === undefined ? "" : stateText(state);
  await parts.events.call("read.executed", call, { state: "preview" });
  return { status: "preview", state: text.length > MAX_STATE ? "" : text };
}

/** The digest of a state that a tool read. */
function stateDigest(state: JsonValue): string {
  return digest("state", state);
}

async function assertCaptured({ claims }: Parts, { action, undone }: PermittedCall): Promise<void> {
  const claim = action.undoes === undefined ? undefined : await claims.find(action.undoes);
  const { tool, args } = action;
  const known = claim?.state === "done" && claim.undo !== undefined && undone !== undefined;
  const fits =
    known && sameDigest(claim.action, undone.digest) && canonical(claim.undo ?? null) === canonical({ tool, args });
  if (!fits) throw new BulkheadError("undo.invalid");
}

/** What is held runs only if what it would change is as it was when it was held; if nobody knows how it was, it does not. */
async function assertUnchanged(parts: Parts, call: PermittedCall, before: string | undefined): Promise<void> {
  const state = await stateBefore(parts, call).catch(() => undefined);
  if (state === undefined || before === undefined || !sameDigest(stateDigest(state), before))
    throw new BulkheadError("state.changed");
}
