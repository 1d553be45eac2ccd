import type { Received } from "@bulkhead/bus";
import { BulkheadError, ERROR_CODES, isBulkheadError, sameDigest } from "@bulkhead/core";
import { actionDigest } from "@bulkhead/policy";
import type { CallReply, ReplyOf } from "@bulkhead/schemas";
import { previewOf } from "../capture.ts";
import { answerFrom, recorded } from "../effect/settle.ts";
import type { LoadedTool, Parts, PermittedCall } from "../parts.ts";
import { frozen, verifyCall, verifyRecall } from "../verify.ts";

type Reply = ReplyOf<"exec">;
type Run = (call: PermittedCall) => Promise<CallReply>;

export interface ExecParts extends Parts {
  readonly tools: ReadonlyMap<string, LoadedTool>;
  readonly effects: Run;
  readonly reads: Run;
}

/** Nobody waits long (design §2): the caller asks again with the same id, and joins what is under way. */
const ANSWER_MS = 1_500;

/** Serves `bh.exec.<toolset>`. The bus has verified that the gateway asks. */
export function execHandler(parts: ExecParts): (request: Received<"exec">) => Promise<Reply> {
  const running = new Map<string, Promise<Reply>>();
  return async ({ body }) => {
    const request = frozen(body);
    const key = `${request.recall ? "recall " : ""}${request.preview ? "preview " : ""}${request.action.callId} ${actionDigest(request.action)}`;
    let run = running.get(key);
    if (run === undefined) {
      run = execute(parts, request).finally(() => running.delete(key));
      running.set(key, run);
    }
    return await answerOrPending(run);
  };
}

async function execute(parts: ExecParts, request: Received<"exec">["body"]): Promise<Reply> {
  try {
    if (request.recall) return await recall(parts, request);
    const loaded = toolOf(parts, request.action.tool);
    if (request.preview) return await previewOf(parts, verifyRecall(parts, { loaded }, request));
    const undone = request.original && toolOf(parts, request.original.tool);
    const call = await verifyCall(parts, { loaded, undone }, request);
    return await (call.loaded.contract.effects.length > 0 ? parts.effects(call) : parts.reads(call));
  } catch (error) {
    return await refuse(parts, request, error);
  }
}

/** What is known of an effect. A claim that nobody acted on is nothing yet. */
async function recall(parts: ExecParts, request: Received<"exec">["body"]): Promise<Reply> {
  const undone = request.original && toolOf(parts, request.original.tool);
  const call = verifyRecall(parts, { loaded: toolOf(parts, request.action.tool), undone }, request);
  const claim = await parts.claims.find(request.action.callId);
  if (claim !== undefined && claim.state !== "claimed") return await answerFrom(parts, call, claim);
  return { status: "refused", code: "call.unknown", message: ERROR_CODES["call.unknown"].text };
}

function toolOf({ tools, runtime }: ExecParts, name: string): LoadedTool {
  const contract = runtime.policy.tool(name);
  const loaded = tools.get(name);
  if (contract === undefined || `exec-${contract.toolset}` !== runtime.identity)
    throw new BulkheadError("tool.unknown");
  if (contract.adapter.kind === "none") throw new BulkheadError("tier.block");
  if (loaded === undefined) throw new BulkheadError("tool.hash");
  return loaded;
}

/** A call that may not run (any more) still has its end, if it had one: the same request gets the same answer. */
async function refuse(parts: ExecParts, { action }: Received<"exec">["body"], error: unknown): Promise<Reply> {
  const own = actionDigest(action);
  if (isBulkheadError(error) && error.disposition === "deny" && error.code !== "call.conflict") {
    const known = await parts.claims.find(action.callId);
    const same = known !== undefined && sameDigest(known.action, own);
    if (same && known.reply !== undefined) return await recorded(parts, known.reply);
    if (same && known.state === "acting") return { status: "pending" };
  }
  await parts.events.refused(action, own, error);
  if (isBulkheadError(error) && error.disposition === "deny")
    return { status: "refused", code: error.code, message: error.message.slice(0, 500) };
  throw error;
}

async function answerOrPending(run: Promise<Reply>): Promise<Reply> {
  const { promise: late, resolve } = Promise.withResolvers<Reply>();
  const timer = setTimeout(() => {
    resolve({ status: "pending" });
  }, ANSWER_MS);
  run.catch(() => undefined);
  try {
    return await Promise.race([run, late]);
  } finally {
    clearTimeout(timer);
  }
}
