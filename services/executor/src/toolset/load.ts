import { BulkheadError, sameDigest, toWire } from "@bulkhead/core";
import type { LoadedPolicy } from "@bulkhead/policy";
import type { ToolContract, ToolsetPolicy } from "@bulkhead/schemas";
import { connectionTools, type Tool, toolContract } from "@bulkhead/tools";
import type { z } from "zod";
import type { ExecutorConfig } from "../config.ts";
import type { LoadedTool } from "../parts.ts";
import { importBundle } from "./bundle.ts";

type Contract = z.infer<typeof ToolContract>;

export interface ToolsetSource {
  readonly policy: LoadedPolicy;
  readonly toolset: z.infer<typeof ToolsetPolicy>;
  readonly config: Pick<ExecutorConfig, "projectDir" | "toolsDir">;
  readonly refused: (tool: string, code: string) => void;
}

/** The tools of this set whose code hashes to what was signed. One that does not is refused, and the others run. */
export async function loadToolset(source: ToolsetSource): Promise<ReadonlyMap<string, LoadedTool>> {
  const { policy, toolset, config, refused } = source;
  const builtins = new Map(
    toolset.connections.flatMap((connection) =>
      connectionTools(connection, config.projectDir).map((tool) => [tool.name, tool]),
    ),
  );
  const mine = Object.values(policy.policy.tools).filter((contract) => contract.toolset === toolset.name);
  const loaded = new Map<string, LoadedTool>();
  for (const contract of mine.filter(({ adapter }) => adapter.kind !== "none"))
    try {
      loaded.set(contract.name, await load(contract, builtins, config.toolsDir));
    } catch (error) {
      refused(contract.name, toWire(error).code);
    }
  return withInverses(loaded);
}

/** A tool that is undone by another knows it: what was refused undoes nothing. */
function withInverses(loaded: ReadonlyMap<string, LoadedTool>): ReadonlyMap<string, LoadedTool> {
  const linked = [...loaded].map(([name, one]): [string, LoadedTool] => {
    const { rollback } = one.contract;
    const inverse = rollback?.mode === "compensate" ? loaded.get(rollback.tool)?.tool : undefined;
    return [name, inverse === undefined ? one : { ...one, inverse }];
  });
  return new Map(linked);
}

async function load(contract: Contract, builtins: ReadonlyMap<string, Tool>, toolsDir: string): Promise<LoadedTool> {
  const { adapter, connection, operation, toolset } = contract;
  const bundle = adapter.kind === "bundle" ? { file: adapter.file, sha256: adapter.sha256 } : undefined;
  const tool = bundle ? await importBundle(toolsDir, bundle.file, bundle.sha256) : builtins.get(contract.name);
  if (tool === undefined) throw new BulkheadError("adapter.missing", `(${contract.name})`);
  const own = toolContract(tool, { connection, operation, toolset, ...(bundle && { bundle }) });
  if (!sameDigest(own.hash, contract.hash)) throw new BulkheadError("tool.hash", `(${contract.name})`);
  return { contract, tool, builtin: bundle === undefined };
}
