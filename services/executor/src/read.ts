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
      const result = await parts.content.put(task, callId, call.loaded, ran.text);
      const labels = result.labels;
      const causes = [`content:${result.ref}`];
      await parts.events.call("read.executed", call, {
        content: result.ref,
        labels,
        latencyMs,
        causes,
        digest: digestBytes("content", result.text),
      });
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
