import { setTimeout as sleep } from "node:timers/promises";
import { digest } from "@bulkhead/core";
import type { Action, ExecRequest, JsonObject, ProposalTerms, ReplyOf, Tier } from "@bulkhead/schemas";
import type { ExecWorld } from "./world.ts";

export type Reply = ReplyOf<"exec">;

/** What the test, in the place of gateway, watchdog and operator, says about a call. */
export interface Ask {
  readonly task?: string;
  readonly callId?: string;
  readonly tool: string;
  readonly args: JsonObject;
  readonly tier?: Tier;
  readonly issuers?: readonly ("gateway" | "watchdog")[];
  readonly approvedBy?: string;
  readonly outcome?: "approve" | "deny";
  readonly action?: Partial<Action>;
  readonly grant?: JsonObject;
}

let calls = 0;
/** A task of its own, so that labels do not carry over. */
export const newTask = (): string => `t-${process.pid}-${++calls}`;

/** A request as an honest constellation makes it, but for what the test changes. */
export function requestOf(world: ExecWorld, ask: Ask): ExecRequest {
  const contract = world.policy.tool(ask.tool);
  const task = ask.task ?? newTask();
  const action: Action = {
    v: 1,
    ...{ agent: "inbox", principal: "operator-ana", task, callId: ask.callId ?? `${task}.1.0`, tool: ask.tool },
    ...{ toolHash: contract?.hash ?? `sha256:${"0".repeat(64)}`, args: ask.args, policyEpoch: world.policy.epoch },
    ...ask.action,
  };
  const tier = ask.tier ?? (contract?.effects.length === 0 ? "AUTO" : "AUTO+");
  const approval =
    ask.approvedBy === undefined ? undefined : approvalOf(world, ask.approvedBy, action, ask.outcome ?? "approve");
  const grant = {
    ...{ v: 1, action: digest("action", action), agent: action.agent, task, callId: action.callId, tool: action.tool },
    ...{ tier, labels: [], policyEpoch: world.policy.epoch, notBefore: Date.now(), expiresAt: Date.now() + 30_000 },
    ...(approval && { proposal: digest("proposal", approval.terms) }),
    ...ask.grant,
  };
  const issuers = ask.issuers ?? (tier === "AUTO" ? ["gateway"] : ["gateway", "watchdog"]);
  return { action, grants: issuers.map((issuer) => world.sign(issuer, "grant", grant)), ...(approval && { approval }) };
}

function approvalOf(world: ExecWorld, operator: string, action: Action, outcome: "approve" | "deny") {
  const terms: ProposalTerms = {
    ...{ v: 1, id: "p-1", action: digest("action", action), tool: action.tool, tier: "CONFIRM", mode: "ask" },
    ...{ policyEpoch: action.policyEpoch, expiresAt: Date.now() + 30_000, nonce: "n".repeat(22) },
  };
  const decision = { v: 1, proposal: terms.id, digest: digest("proposal", terms), action: terms.action, outcome };
  return { terms, decisions: [world.sign(operator, "decision", decision)] };
}

/** Asks once. An error comes back as its code. */
export async function once(world: ExecWorld, request: ExecRequest, toolset = "local"): Promise<Reply | string> {
  try {
    return await world.gateway.request("exec", request, { values: { toolset }, attempts: 2 });
  } catch (error) {
    return (error as { code: string }).code;
  }
}

/** Asks with the same id until there is an end, as a gateway does. */
export async function until(
  world: ExecWorld,
  request: ExecRequest,
  toolset = "local",
  deadlineMs = 25_000,
): Promise<Reply | string> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const reply = await once(world, request, toolset);
    const waiting =
      typeof reply === "string" ? reply.startsWith("bus.") || reply === "unavailable" : reply.status === "pending";
    if (!waiting || performance.now() > end) return reply;
    await sleep(200);
  }
}

/** The result's text, or what happened instead. */
export function text(reply: Reply | string): string {
  if (typeof reply === "string") return reply;
  return reply.status === "done" ? reply.result.text : `${reply.status}${"code" in reply ? ` ${reply.code}` : ""}`;
}
