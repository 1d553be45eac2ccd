import { heldBy } from "@bulkhead/policy";
import type { AgentDocument } from "@bulkhead/schemas";
import { agentMoved } from "../events.ts";
import type { Tasks } from "../ports.ts";
import { type AgentEvent, advanceAgent } from "./agent.machine.ts";

const REFRESH_MS = 5_000;
const SILENT_MS = 15_000;

/** Whether control holds the agent: then nothing is handed out. */
export function isHeld({ runtime }: Tasks, agent: string): boolean {
  return heldBy(runtime.control.view().values, agent) !== undefined;
}

/** A host asked for work. Written at most every few seconds. */
export async function sawHost(service: Tasks, agent: string): Promise<void> {
  const known = await service.agents.findOne({ _id: agent });
  const now = service.runtime.clock.now();
  if (known?.state === "serving" && now - known.seenAt < REFRESH_MS) return;
  await apply(service, known ?? (await create(service, agent)), { type: "asked", at: now });
}

/** Finds agents that fell silent or that control holds or lets go. */
export async function reviewAgents(service: Tasks): Promise<void> {
  const now = service.runtime.clock.now();
  for (const agent of Object.keys(service.runtime.policy.policy.agents)) {
    const known = (await service.agents.findOne({ _id: agent })) ?? (await create(service, agent));
    const held = isHeld(service, agent);
    if (held !== (known.state === "stopped")) await apply(service, known, { type: held ? "stopped" : "resumed" });
    else if (known.state === "serving" && now - known.seenAt > SILENT_MS)
      await apply(service, known, { type: "fellSilent" });
  }
}

async function create(service: Tasks, agent: string): Promise<AgentDocument> {
  const absent: AgentDocument = { _id: agent, state: "absent", seenAt: 0, updatedAt: service.runtime.clock.now() };
  await service.agents.insert(absent);
  return (await service.agents.findOne({ _id: agent })) ?? absent;
}

async function apply(service: Tasks, before: AgentDocument, event: AgentEvent): Promise<void> {
  const after = advanceAgent(before, event);
  if (after === undefined) return;
  const updatedAt = Math.max(service.runtime.clock.now(), before.updatedAt + 1);
  const set = { state: after.state, seenAt: after.seenAt, updatedAt };
  const won = await service.agents.compareAndSet({ _id: before._id, updatedAt: before.updatedAt }, { set });
  if (won && after.state !== before.state) await agentMoved(service, before._id, after.state);
}
