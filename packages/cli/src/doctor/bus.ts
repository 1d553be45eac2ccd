import { type Probe, probePermissions } from "@bulkhead/bus";
import { readIdentity } from "@bulkhead/core";
import { CONTRACTS, type Policy, subjectOf } from "@bulkhead/schemas";
import { keyFile, type Project } from "../policy/project.ts";
import type { SignedPolicy } from "../policy/signed.ts";

/** What one host's key could do of what it should not. */
export interface BusFindings {
  readonly identity: string;
  readonly tried: number;
  readonly passed: readonly Probe[];
}

/** Tries every agent host's key against everything that is not its own. */
export async function tryBus(project: Project, { loaded }: SignedPolicy, url: string): Promise<BusFindings[]> {
  const agents = Object.keys(loaded.policy.agents);
  return await Promise.all(agents.map((agent) => tryHost(project, loaded.policy, agent, url)));
}

async function tryHost(project: Project, policy: Policy, agent: string, url: string): Promise<BusFindings> {
  const identity = await readIdentity(keyFile(project, `host-${agent}`));
  const probes = forbidden(policy, agent);
  return {
    identity: identity.identity,
    tried: probes.length,
    passed: await probePermissions({ url, identity }, probes),
  };
}

const NONE = "doctor-none";

/** Another agent's subjects, every other role's, the streams' own interface, and listening in. */
function forbidden(policy: Policy, agent: string): Probe[] {
  const others = Object.keys(policy.agents).filter((name) => name !== agent);
  const publish = [
    ...others.flatMap((other) => Object.keys(policy.tools).map((tool) => subjectOf("call", { agent: other, tool }))),
    ...others.flatMap((other) => [
      subjectOf("model", { agent: other }),
      subjectOf("next", { agent: other }),
      subjectOf("submit", { agent: other }),
    ]),
    ...Object.keys(policy.toolsets).map((toolset) => subjectOf("exec", { toolset })),
    ...Object.keys(policy.operators).map((operator) => subjectOf("decision", { operator })),
    ...["gateway", "watchdog", "ledger"].map((service) => subjectOf("audit", { service })),
    ...[CONTRACTS.review, CONTRACTS.open, CONTRACTS.release, CONTRACTS.controlStop, CONTRACTS.controlBeat].map(
      ({ subject }) => subject,
    ),
    subjectOf("label", { task: NONE, label: "A" }),
    ...[
      "STREAM.NAMES",
      "STREAM.INFO.AUDIT",
      "STREAM.MSG.GET.AUDIT",
      `STREAM.DELETE.${NONE}`,
      `CONSUMER.CREATE.${NONE}`,
      `CONSUMER.MSG.NEXT.${NONE}.${NONE}`,
    ].map((verb) => `$JS.API.${verb}`),
    "_INBOX.gateway.doctor",
    "$SYS.REQ.SERVER.PING",
  ];
  const subscribe = [
    ">",
    "bh.>",
    "_INBOX.>",
    "_INBOX.gateway.>",
    "bh.audit.>",
    "bh.exec.>",
    "$KV.>",
    "bh.call.>",
    "$SYS.>",
  ];
  return [
    ...publish.map((subject): Probe => ({ operation: "publish", subject })),
    ...subscribe.map((subject): Probe => ({ operation: "subscribe", subject })),
  ];
}
