import { decide, hasEffect, type Verdict } from "@bulkhead/policy";
import type { Label } from "@bulkhead/schemas";
import type { Call, Gateway } from "../port.ts";

/** A decision and the labels that it was made on. */
export interface Decided {
  readonly verdict: Verdict;
  readonly labels: Label[];
}

/** Decides a call on the facts of this moment. */
export async function decideNow(gateway: Gateway, call: Call): Promise<Decided> {
  const { policy, clock, control } = gateway;
  const { agent, task, tool, undoes } = call.action;
  const labels = hasEffect(policy, tool) ? await gateway.labels.of(task) : [];
  const said = { approved: call.permission?.kind === "approved", released: call.permission?.kind === "released" };
  const facts = { policy, labels, control: control.view(), now: clock.now(), ...said };
  const undoing = undoes === undefined ? {} : { undoing: call.original?.tool ?? "" };
  return { verdict: decide({ agent, tool, ceiling: call.ceiling, ...undoing }, facts), labels };
}
