/**
 * Owns: the one policy of a process, verified and immutable: its epoch, look-ups, compiled argument validators, trusted keys.
 * Does not own: reading the file, what follows from the policy (`decide`).
 * Invariants: S4: what is not named is not found; an empty policy is refused; look-ups never reach an object's prototype.
 */
import { BulkheadError, type Digest, digest, isBulkheadError, open } from "@bulkhead/core";
import { type AgentPolicy, Policy, type ToolContract } from "@bulkhead/schemas";
import { z } from "zod";

/** A verified policy. */
export interface LoadedPolicy {
  readonly policy: Policy;
  /** `digest("policy", body)`: part of every decision. */
  readonly epoch: Digest;
  /** The agent of this name, if the policy has one. */
  agent(name: string): AgentPolicy | undefined;
  /** The tool of this name, if the policy has one. */
  tool(name: string): ToolContract | undefined;
  /** The signing key of an identity, if the policy trusts one. */
  keyOf(identity: string): string | undefined;
  /** Checks arguments by the tool's input schema. @throws BulkheadError `tool.unknown`, `args.invalid` naming what is wrong */
  checkArgs(tool: string, args: unknown): void;
}

/**
 * Opens a signed policy.
 *
 * @throws BulkheadError `policy.signature` if the admin did not sign exactly this, `policy.invalid` naming what is
 * malformed, `policy.empty` if it declares no agent or no tool
 */
export function verifyPolicy(envelope: unknown, adminKey: string): LoadedPolicy {
  const body = openPolicy(envelope, adminKey);
  const parsed = Policy.safeParse(body);
  if (!parsed.success) throw invalid(z.prettifyError(parsed.error), parsed.error);
  return loadPolicy(parsed.data, digest("policy", body));
}

/** A loaded policy over an already verified body. */
export function loadPolicy(policy: Policy, epoch: Digest): LoadedPolicy {
  const [agents, tools] = [new Map(Object.entries(policy.agents)), new Map(Object.entries(policy.tools))];
  const trust = new Map(Object.entries(policy.trust));
  if (agents.size === 0 || tools.size === 0) throw new BulkheadError("policy.empty");
  const validators = new Map([...tools].map(([name, tool]) => [name, compile(name, tool)]));
  return Object.freeze({
    policy: deepFreeze(policy),
    epoch,
    agent: (name: string) => agents.get(name),
    tool: (name: string) => tools.get(name),
    keyOf: (identity: string) => trust.get(identity)?.signing,
    checkArgs: (tool: string, args: unknown) => {
      check(validators.get(tool), tool, args);
    },
  });
}

function openPolicy(envelope: unknown, adminKey: string): unknown {
  try {
    return open(envelope, { type: "policy", keyOf: () => adminKey }).body;
  } catch (cause) {
    throw new BulkheadError("policy.signature", isBulkheadError(cause) ? `(${cause.code})` : undefined, { cause });
  }
}

function compile(name: string, tool: ToolContract): z.ZodType {
  if (tool.name !== name) throw invalid(`tools.${name}: its name is ${tool.name}`);
  try {
    return z.fromJSONSchema(tool.inputSchema);
  } catch (cause) {
    throw invalid(`tools.${name}.inputSchema: not supported`, cause);
  }
}

function check(validator: z.ZodType | undefined, tool: string, args: unknown): void {
  if (validator === undefined) throw new BulkheadError("tool.unknown", `(${tool})`);
  const parsed = validator.safeParse(args);
  if (parsed.success) return;
  const issues = parsed.error.issues.map((issue) => `${issue.path.join(".") || "arguments"}: ${issue.message}`);
  throw new BulkheadError("args.invalid", issues.join("; "), { cause: parsed.error });
}

function invalid(detail: string, cause?: unknown): BulkheadError {
  return new BulkheadError("policy.invalid", detail, { cause });
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  Object.values(value).forEach(deepFreeze);
  return Object.freeze(value);
}
