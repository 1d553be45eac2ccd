import { BulkheadError, digestBytes, newId } from "@bulkhead/core";
import { contentRefOf, type ToolResult } from "@bulkhead/schemas";
import type { Runtime } from "@bulkhead/service";
import type { z } from "zod";
import type { LoadedTool } from "./parts.ts";

type Result = z.infer<typeof ToolResult>;

/** A result on its way into the store: what it will be called is known before it is there. */
export interface Putting {
  readonly result: Result;
  /** Resolves when it is durable. */
  readonly stored: Promise<Result>;
}

/** Where the text of results lies. */
export interface ContentPort {
  put(task: string, callId: string, loaded: LoadedTool, text: string): Putting;
  /** The text of a stored result. */
  get(ref: string): Promise<string>;
}

const MAX_TEXT_BYTES = 400 * 1024;
const ATTEMPTS = 2;

export function contentPort({
  bus,
  clock,
  identity: issuer,
}: Pick<Runtime, "bus" | "clock" | "identity">): ContentPort {
  return {
    put: (task, callId, { contract }, full) => {
      const text = bounded(full);
      const labels = [...contract.reads].sort();
      const [id, at] = [newId("m"), clock.now()];
      const provenance = {
        origin: labels.includes("A") ? ("outside" as const) : ("tool" as const),
        source: `${contract.name}:${callId}`,
        digest: digestBytes("content", text),
        at,
      };
      const ref = contentRefOf({ issuer, id, at });
      const result = { ref, text, labels, provenance };
      const body = { kind: "put" as const, task, about: "result" as const, text, labels, provenance };
      const put = async (): Promise<Result> => {
        const reply = await bus.request("content", body, { attempts: ATTEMPTS, id, at });
        if (reply.kind !== "put" || reply.ref !== ref) throw new BulkheadError("schema.invalid");
        return result;
      };
      return { result, stored: put() };
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
