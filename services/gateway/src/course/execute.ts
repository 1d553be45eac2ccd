import { setTimeout as sleep } from "node:timers/promises";
import { BulkheadError, type Envelope, isBulkheadError } from "@bulkhead/core";
import { termsDigest, type Verdict } from "@bulkhead/policy";
import type { BodyOf, CallReply, Grant, Label, Tier, ToolContract } from "@bulkhead/schemas";
import type { Call, Gateway } from "../port.ts";

const GRANT_MS = 60_000;
const PAUSE_MS = 100;
const AGAIN = ["bus.timeout", "bus.no-responder", "approval.pending", "call.pending"] as const;

type Allowed = Extract<Verdict, { outcome: "allow" }>;

/**
 * Signs, has it signed again where that is needed, and asks the executor until it knows the outcome. What a read found is handed
 * out only when its decision is recorded; an effect is not asked for before.
 */
export async function execute(
  gateway: Gateway,
  call: Call,
  { verdict, labels }: { readonly verdict: Allowed; readonly labels: Label[] },
): Promise<CallReply> {
  const tool = toolOf(gateway, call);
  const grant = grantOf(gateway, call, { tier: verdict.tier, labels }, tool.timeoutMs);
  const own = gateway.sign("grant", grant);
  const recorded = gateway.record.decided(call, verdict, labels);
  const ask = async (others: Envelope[]): Promise<CallReply> => {
    const grants = [own, ...others];
    const request = { action: call.action, grants, ...provenOf(call) };
    return await patiently(gateway, grant.expiresAt, () => exec(gateway, tool, request));
  };
  if (tool.effects.length === 0 && !verdict.signers.includes("watchdog"))
    return (await Promise.all([ask([]), recorded]))[0];
  const reviewing = verdict.signers.includes("watchdog") ? review(gateway, call, own, grant.expiresAt) : [];
  const [others] = await Promise.all([reviewing, recorded]);
  return await ask(others);
}

/** What is recorded of an effect that may have run before, whatever would be decided now. Undefined: nothing is known of it. */
export async function recall(
  gateway: Gateway,
  call: Call,
  decided: { readonly tier: Tier; readonly labels: Label[] },
): Promise<CallReply | undefined> {
  const tool = toolOf(gateway, call);
  if (tool.effects.length === 0 || tool.adapter.kind === "none") return undefined;
  const grants = [gateway.sign("grant", grantOf(gateway, call, decided, 0))];
  try {
    const reply = await exec(gateway, tool, {
      ...{ action: call.action, grants, recall: true as const },
      ...(call.original && call.edits === undefined && { original: call.original }),
    });
    return reply.status === "refused" ? undefined : reply;
  } catch (error) {
    if (isBulkheadError(error, "call.conflict")) throw error;
    return undefined;
  }
}

/** The state that a call would change, as its tool reads it now: JSON text. Undefined where the tool cannot read it. */
export async function preview(
  gateway: Gateway,
  call: Call,
  decided: { readonly tier: Tier; readonly labels: Label[] },
): Promise<string | undefined> {
  const { toolset } = toolOf(gateway, call);
  const grants = [gateway.sign("grant", grantOf(gateway, call, decided, 0))];
  const request = { action: call.action, grants, preview: true } as const;
  const reply = await gateway.bus.request("exec", request, { values: { toolset } });
  return reply.status === "preview" && reply.state !== "" ? reply.state : undefined;
}

async function exec({ bus }: Gateway, { toolset }: ToolContract, request: BodyOf<"exec">): Promise<CallReply> {
  const reply = await bus.request("exec", request, { values: { toolset } });
  if (reply.status === "preview") throw new BulkheadError("schema.invalid", "(a preview that nobody asked for)");
  return reply;
}

/** What a call that persons had a say in carries besides the grants. */
function provenOf({ approval, original, before }: Call): Pick<BodyOf<"exec">, "approval" | "original" | "before"> {
  return { ...(approval && { approval }), ...(original && { original }), ...(before !== undefined && { before }) };
}

async function review(gateway: Gateway, call: Call, grant: Envelope, until: number): Promise<Envelope[]> {
  const { action, leaseEnvelope: lease, approval, original } = call;
  const body = { action, grant, lease, ...(approval && { approval }), ...(original && { original }) };
  for (;;) {
    try {
      return [(await gateway.bus.request("review", body)).grant];
    } catch (error) {
      if (!isBulkheadError(error, "approval.pending") || gateway.clock.now() >= until) throw error;
      await sleep(PAUSE_MS, undefined, { signal: gateway.signal });
    }
  }
}

function toolOf({ policy }: Gateway, { action }: Call): ToolContract {
  const tool = policy.tool(action.tool);
  if (tool === undefined) throw new TypeError("a tool that was checked is in the policy");
  return tool;
}

function grantOf(
  { clock }: Gateway,
  { action, digest, approval }: Call,
  { tier, labels }: { readonly tier: Tier; readonly labels: Label[] },
  timeoutMs: number,
): Grant {
  const now = clock.now();
  const { agent, task, callId, tool, policyEpoch } = action;
  const validity = { notBefore: now, expiresAt: now + GRANT_MS + timeoutMs };
  const proposal = approval && { proposal: termsDigest(approval.terms) };
  return { v: 1, action: digest, agent, task, callId, tool, tier, labels, policyEpoch, ...validity, ...proposal };
}

/** Asks with the same bytes until the answer is final. What is not known at the end can be asked again by the caller. */
async function patiently(gateway: Gateway, until: number, ask: () => Promise<CallReply>): Promise<CallReply> {
  for (;;) {
    const reply = await ask().catch((error: unknown): undefined => {
      if (!isBulkheadError(error, ...AGAIN) || gateway.clock.now() >= until) throw error;
    });
    if (reply !== undefined && (reply.status !== "pending" || gateway.clock.now() >= until)) return reply;
    await sleep(PAUSE_MS, undefined, { signal: gateway.signal });
  }
}
