import type { Bus } from "@bulkhead/bus";
import { BulkheadError, type Clock, digestBytes } from "@bulkhead/core";
import type { ToolResult } from "@bulkhead/schemas";
import type { z } from "zod";
import type { LoadedTool } from "./parts.ts";

type Result = z.infer<typeof ToolResult>;

/** Where the text of results lies. */
export interface ContentPort {
  put(task: string, callId: string, loaded: LoadedTool, text: string): Promise<Result>;
  /** The text of a stored result. */
  get(ref: string): Promise<string>;
}

const MAX_TEXT_BYTES = 400 * 1024;
const ATTEMPTS = 2;

export function contentPort(bus: Bus, clock: Clock): ContentPort {
  return {
    put: async (task, callId, { contract }, full) => {
      const text = bounded(full);
      const labels = [...contract.reads].sort();
      const provenance = {
        origin: labels.includes("A") ? ("outside" as const) : ("tool" as const),
        source: `${contract.name}:${callId}`,
        digest: digestBytes("content", text),
        at: clock.now(),
      };
      const reply = await bus.request(
        "content",
        { kind: "put", task, about: "result", text, labels, provenance },
        { attempts: ATTEMPTS },
      );
      if (reply.kind !== "put") throw new BulkheadError("schema.invalid");
      return { ref: reply.ref, text, labels, provenance };
    },
    get: async (ref) => {
      const reply = await bus.request("content", { kind: "get", ref }, { attempts: ATTEMPTS });
      if (reply.kind !== "get") throw new BulkheadError("content.missing");
      return reply.text;
    },
  };
}

function bounded(text: string): string {
  const bytes = Buffer.from(text.toWellFormed());
  if (bytes.length <= MAX_TEXT_BYTES) return bytes.toString();
  return bytes
    .subarray(0, MAX_TEXT_BYTES)
    .toString()
    .replace(/\ufffd+$/, "");
}
