import type { Bus } from "@bulkhead/bus";
import { digest } from "@bulkhead/core";
import type { AuditEntry, AuditEvent, Policy, WatchPolicy } from "@bulkhead/schemas";
import { type Constellation, startConstellation } from "../harness/constellation.ts";
import { eventually } from "../harness/eventually.ts";
import { smallPolicy } from "../harness/policy.ts";

/** Thresholds that a test can wait for. */
export const QUICK = {
  ...{ lookMs: 100, stuckMs: 600, outcomeMs: 600, unsignedMs: 500, silentMs: 2_500, loopCalls: 3, outsideMs: 500 },
  ...{ burstCalls: 20, learnCalls: 3, giveBackMs: 500 },
};
const IDENTITIES = [
  "watchdog",
  "ledger",
  "gateway",
  "proposals",
  "tasks",
  "host-inbox",
  "exec-local",
  "exec-bank",
  "operator-ana",
];
const HASH = digest("tool", "test");

/** Two watchdogs and a ledger as processes; the test plays the services that record, and reads the record as an operator. */
export interface WatchWorld extends AsyncDisposable {
  readonly constellation: Constellation;
  readonly ana: Bus;
  bus(identity: string): Promise<Bus>;
  /** Records as that identity does. */
  record(identity: string, event: AuditEvent, fields?: Partial<AuditEntry>): Promise<void>;
  /** The watchdog's reports about an id, once there is one. */
  reports(id: string, event?: AuditEvent): Promise<AuditEntry[]>;
  /** The reports about an id so far. */
  reportsNow(id: string, event?: AuditEvent): Promise<AuditEntry[]>;
  quarantined(): Promise<readonly object[]>;
}

export async function startWatchWorld(watch: Partial<WatchPolicy> = {}): Promise<WatchWorld> {
  const constellation = await startConstellation({ identities: IDENTITIES, policy: (keys) => policyOf(keys, watch) });
  const buses = new Map<string, Promise<Bus>>();
  const bus = (identity: string): Promise<Bus> => {
    const open = buses.get(identity) ?? constellation.bus(identity);
    buses.set(identity, open);
    return open;
  };
  await Promise.all([
    constellation.start("ledger"),
    constellation.start("watchdog", { watch: QUICK }),
    constellation.start("watchdog", { watch: QUICK }),
  ]);
  const ana = await bus("operator-ana");
  const counters = new Map<string, number>();
  const reportsNow: WatchWorld["reportsNow"] = async (id, event = "watchdog.anomaly") => {
    const reply = await ana.request("queryLedger", { kind: "ledger.about", id, limit: 1_000 });
    const entries = reply.kind === "ledger.about" ? reply.entries : [];
    return entries.map(({ envelope }) => (envelope as { body: AuditEntry }).body).filter((one) => one.event === event);
  };
  return {
    ...{ constellation, ana, bus, reportsNow },
    record: async (identity, event, fields = {}) => {
      const counter = (counters.get(identity) ?? 0) + 1;
      counters.set(identity, counter);
      const own = { v: 1 as const, event, instance: `${identity}-0badcafe`, counter, at: Date.now(), causes: [] };
      await (await bus(identity)).publish("audit", { ...own, ...fields });
    },
    reports: (id, event) =>
      eventually(async () => {
        const found = await reportsNow(id, event);
        return found.length > 0 ? found : undefined;
      }),
    quarantined: async () => {
      const entry = await (await bus("gateway")).bucket("control").get("quarantine");
      const { body } = JSON.parse(Buffer.from(entry?.data ?? "{}").toString() || "{}") as {
        body?: { scopes: object[] };
      };
      return body?.scopes ?? [];
    },
    [Symbol.asyncDispose]: () => constellation[Symbol.asyncDispose](),
  };
}

function policyOf(identities: Parameters<typeof smallPolicy>[0], watch: Partial<WatchPolicy>): Policy {
  const base = smallPolicy(identities);
  const contract = base.tools["notes-list"];
  if (contract === undefined) throw new Error("no tool");
  const tools = [
    ["notes-write", "local", ["state"]],
    ["bank-pay", "bank", ["out"]],
  ] as const;
  const entries = tools.map(([name, toolset, effects]) => [
    name,
    { ...contract, name, toolset, effects: [...effects], timeoutMs: 100, hash: HASH },
  ]);
  return {
    ...base,
    tools: { ...base.tools, ...(Object.fromEntries(entries) as Policy["tools"]) },
    toolsets: { ...base.toolsets, bank: { name: "bank", connections: [], credentials: [] } },
    watch: { timeZone: "UTC", limits: {}, outside: [], ...watch },
  };
}
