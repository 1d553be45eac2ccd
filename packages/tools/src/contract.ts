import { type Digest, digest, digestBytes } from "@bulkhead/core";
import { ToolContract } from "@bulkhead/schemas";
import type { z } from "zod";
import type { Tool } from "./define.ts";
import { rolesOf } from "./role.ts";

/** The version of the shipped adapters' code: part of the hash of every tool that they serve. */
export const BUILTIN_VERSION = "0.1.0";

/** Where a tool stands in a policy, and where its code comes from. */
export interface ToolPlace {
  readonly connection: string;
  readonly operation: string;
  readonly toolset: string;
  /** Absent: shipped with Bulkhead, or none at all when the tool has no `run`. */
  readonly bundle?: { readonly file: string; readonly sha256: Digest };
}

/** The digest under which a bundle of tool code stands in the policy. */
export function bundleDigest(bytes: Uint8Array): Digest {
  return digestBytes("bundle", bytes);
}

/**
 * The part of a tool that is data, as it stands in the signed policy. `hash` covers all of it and the code behind it
 * (INJ-11), so a tool that changes in any way has to be signed again.
 */
export function toolContract(tool: Tool, place: ToolPlace): z.infer<typeof ToolContract> {
  const { name, description, effects, reads, inputSchema, credentials, egress, dedup, rollback, sentence, timeoutMs } =
    tool;
  const contract = {
    ...{ name, connection: place.connection, operation: place.operation, toolset: place.toolset },
    ...{ description, effects: [...effects], reads: [...reads], inputSchema, roles: rolesOf(inputSchema) },
    adapter: adapterOf(tool, place),
    ...{ credentials: [...credentials], egress: [...egress], timeoutMs },
    ...(dedup && { dedup: { key: [...dedup.key], windowMs: dedup.windowMs } }),
    ...(rollback && { rollback }),
    ...(sentence !== undefined && { sentence }),
  };
  const code = place.bundle?.sha256 ?? (tool.run ? `builtin@${BUILTIN_VERSION}` : "none");
  return ToolContract.parse({ ...contract, hash: digest("tool", { contract, code }) });
}

function adapterOf(tool: Tool, { bundle }: ToolPlace): z.infer<typeof ToolContract>["adapter"] {
  if (tool.run === undefined) return { kind: "none" };
  return bundle === undefined ? { kind: "builtin" } : { kind: "bundle", ...bundle };
}
