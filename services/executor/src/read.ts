import { digestBytes, toWire } from "@bulkhead/core";
import type { CallReply } from "@bulkhead/schemas";
import type { z } from "zod";
import { runAdapter } from "./adapter.ts";
import type { Parts, PermittedCall } from "./parts.ts";
import { raiser } from "./raise.ts";

type Reply = z.infer<typeof CallReply>;

/** A read inside the house: no claim; labels first, and nothing is handed out before it is recorded. */
export function reads(parts: Parts): (call: PermittedCall) => Promise<Reply> {
  const raise = raiser(parts);
  return async (call) => {
    const { task, callId } = call.action;
    const started = parts.runtime.clock.monotonic();
    await raise(call);
    const ran = await runAdapter(parts, call);
    const latencyMs = Math.round(parts.runtime.clock.monotonic() - started);
    if (ran.kind === "done") {
      const { result, stored } = parts.content.put(task, callId, call.loaded, ran.text);
      const { ref: content, labels, text } = result;
      const causes = [`content:${content}`];
      const about = { content, labels, latencyMs, causes, digest: digestBytes("content", text) };
      await Promise.all([stored, parts.events.call("read.executed", call, about)]);
      return { status: "done", tier: call.grant.tier, result };
    }
    const error =
      ran.kind === "failed"
        ? toWire(ran.error)
        : { code: "adapter.unreachable" as const, message: "No answer in time." };
    await parts.events.call("read.executed", call, { code: error.code, latencyMs });
    return { status: "failed", ...error };
  };
}
