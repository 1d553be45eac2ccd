import type { Received } from "@bulkhead/bus";
import { BulkheadError, ERROR_CODES, isBulkheadError } from "@bulkhead/core";
import { actionDigest, assertAction, isAskedId, openLease } from "@bulkhead/policy";
import type { Action, CallReply, CallRequest } from "@bulkhead/schemas";
import { runCourse } from "../course/course.ts";
import type { Call, Gateway } from "../port.ts";

/** `bh.call.<agent>.<tool>`: a host asks for one tool call. The subject, which the bus pins, says who asks. */
export async function call(gateway: Gateway, { body, values }: Received<"call">): Promise<CallReply> {
  if (body.agent !== values["agent"] || body.tool !== values["tool"]) throw new BulkheadError("forbidden");
  try {
    const asked = callOf(gateway, body);
    return forAgents(await gateway.flights.join(asked.digest, () => runCourse(gateway, asked)));
  } catch (error) {
    return await answerRefusal(gateway, body, error);
  }
}

/** What would undo a call is no agent's to know: it may hold what the agent must not read. */
function forAgents(reply: CallReply): CallReply {
  if (reply.status !== "done") return reply;
  const { status, tier, result } = reply;
  return { status, tier, result };
}

function callOf({ policy, clock }: Gateway, body: CallRequest): Call {
  const { agent, task, callId, tool, args } = body;
  if (!isAskedId(callId)) throw new BulkheadError("call.conflict", "(this id is not for agents to choose)");
  const lease = openLease(policy, body.lease, clock.now());
  if (policy.agent(agent) === undefined) throw new BulkheadError("agent.unknown");
  const toolHash = policy.tool(tool)?.hash;
  if (toolHash === undefined) throw new BulkheadError("tool.unknown", `(${tool})`);
  const { principal } = lease;
  const action: Action = { v: 1, agent, principal, task, callId, tool, toolHash, args, policyEpoch: policy.epoch };
  assertAction(policy, action, lease);
  return { action, digest: actionDigest(action), ceiling: lease.ceiling, leaseEnvelope: body.lease };
}

async function answerRefusal(gateway: Gateway, body: CallRequest, error: unknown): Promise<CallReply> {
  if (!isBulkheadError(error) || error.disposition === "retry") throw error;
  const { agent, task, callId, tool } = body;
  await gateway.record.malformed({ agent, task, callId, tool }, error.code);
  const message = error.message.slice(0, 500);
  return { status: "refused", code: error.code, message: message === "" ? ERROR_CODES[error.code].text : message };
}
