import { natsConfig, type Permissions, PROVISIONER, permissionsOf } from "@bulkhead/bus";
import { CONTRACTS, type ContractName } from "@bulkhead/schemas";
import type { NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { verifies } from "../verifies.ts";
import { IDENTITIES, startWorld, type World } from "./world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(async () => {
  await (world as World | undefined)?.[Symbol.asyncDispose]();
});

const SERVICES = ["tasks", "gateway", "proposals", "watchdog", "models", "ledger", "memory"];
const HOSTS = ["host-inbox", "host-finance"];
const EXECS = ["exec-local", "exec-mail"];
/** Eve is a viewer: she asks, and does nothing else. */
const OPERATORS = ["operator-ana", "operator-bob", "operator-eve"];
const ACTING = ["operator-ana", "operator-bob"];

/** Written by hand, from the design and not from the generator: who may publish where. Everything else must be refused. */
const MAY_PUBLISH: Readonly<Record<string, readonly string[]>> = {
  "bh.task.submit.inbox": [...ACTING, "exec-local", "client-web"],
  "bh.task.submit.finance": [...ACTING, "exec-local"],
  "bh.task.next.inbox": ["host-inbox"],
  "bh.task.next.finance": ["host-finance"],
  "bh.task.save.inbox": ["host-inbox"],
  "bh.task.park.inbox": ["host-inbox"],
  "bh.task.finish.inbox": ["host-inbox"],
  "bh.task.wake": ["proposals"],
  "bh.task.command.ana": ["operator-ana"],
  "bh.task.command.eve": [],
  "bh.task.nudge.inbox": ["tasks"],
  "bh.call.inbox.mail-read": ["host-inbox"],
  "bh.call.finance.mail-read": ["host-finance"],
  "bh.model.inbox": ["host-inbox"],
  "bh.review": ["gateway"],
  "bh.proposal.open": ["gateway"],
  "bh.proposal.release": ["proposals"],
  "bh.exec.mail": ["gateway"],
  "bh.exec.local": ["gateway"],
  "bh.content.exec-mail": ["exec-mail"],
  "bh.content.host-inbox": ["host-inbox"],
  "bh.content.tasks": ["tasks"],
  "bh.content.models": ["models"],
  "bh.decision.ana": ["operator-ana"],
  "bh.decision.bob": ["operator-bob"],
  "bh.decision.eve": [],
  "bh.timer.tasks": [],
  "bh.timer.tasks.t-1": ["tasks"],
  "bh.timer.proposals.p-1": ["proposals"],
  ...Object.fromEntries([...SERVICES, ...HOSTS, ...EXECS].map((one) => [`bh.audit.${one}`, [one]])),
  "bh.audit.operator-ana": [],
  "bh.dead.tasks": ["tasks"],
  "bh.dead.gateway": [],
  "bh.beat.gateway": ["gateway"],
  "bh.query.tasks.ana": ["operator-ana"],
  "bh.query.ledger.eve": ["operator-eve"],
  "$KV.control.watchdog": ["watchdog"],
  "$KV.control.quarantine": ["watchdog"],
  "$KV.control.stop": ACTING,
  "$KV.control.mode": ACTING,
  "$KV.control.revoked": ACTING,
  "$KV.control.breaker-inbox": ["tasks"],
  "$KV.control.budget-inbox": ["models"],
  "$KV.labels.t-1.A": ["tasks", ...EXECS],
  "$KV.labels.t-1.B": ["tasks", ...EXECS],
  "$KV.labels.t-1.C": [],
  "bh.deliver.tasks.intake": [],
  "bh.deliver.ledger.audit": [],
  "_INBOX.host-inbox.x.y": ["tasks", "gateway", "models", "memory"],
  "_INBOX.gateway.x.y": ["watchdog", "proposals", ...EXECS],
  "_INBOX.operator-ana.x.y": ["tasks", "proposals", "watchdog", "ledger", "memory", "models"],
  "_INBOX.provisioner.x.y": [],
  "_INBOX.x": [],
  "$JS.API.INFO": [],
  "$JS.API.STREAM.DELETE.AUDIT": [],
  "$JS.API.STREAM.PURGE.AUDIT": [],
  "$JS.API.STREAM.MSG.DELETE.AUDIT": [],
  "$JS.API.STREAM.MSG.GET.AUDIT": [],
  "$JS.API.STREAM.MSG.GET.INTAKE": [],
  "$JS.API.STREAM.MSG.GET.KV_labels": ["tasks", "gateway", "watchdog", ...EXECS],
  "$JS.API.STREAM.MSG.GET.KV_control": [...SERVICES, ...EXECS, ...ACTING],
  "$JS.API.DIRECT.GET.KV_labels": [],
  "$JS.API.STREAM.CREATE.EVIL": [],
  "$JS.API.STREAM.UPDATE.AUDIT": [PROVISIONER],
  "$JS.API.CONSUMER.CREATE.INTAKE": [],
  "$JS.API.CONSUMER.DURABLE.CREATE.INTAKE.tasks": [PROVISIONER],
  "$JS.API.CONSUMER.DELETE.INTAKE.tasks": [],
  "$JS.API.CONSUMER.MSG.NEXT.INTAKE.tasks": [],
  "$JS.ACK.INTAKE.tasks.1.1.1.1.1": ["tasks"],
  "$JS.ACK.AUDIT.ledger.1.1.1.1.1": ["ledger"],
  "$JS.FC.INTAKE.tasks.x": [],
  "$SYS.REQ.SERVER.PING": [],
  "$SYS.REQ.USER.INFO": [],
  "$SRV.PING": [],
  "anything.else": [],
};

const MAY_SUBSCRIBE: Readonly<Record<string, readonly string[]>> = {
  ">": [],
  "bh.>": [],
  "*.*.*": [],
  "_INBOX.>": [],
  "$JS.>": [],
  "$SYS.>": [],
  "$KV.>": [],
  "$KV.labels.>": [],
  "$KV.control.>": [...SERVICES, ...HOSTS, ...EXECS, ...OPERATORS],
  "_INBOX.gateway.>": ["gateway"],
  "_INBOX.host-inbox.>": ["host-inbox"],
  "bh.task.submit.*": [],
  "bh.task.next.*": ["tasks"],
  "bh.task.nudge.*": ["tasks"],
  "bh.call.*.*": ["gateway"],
  "bh.model.*": ["models"],
  "bh.review": ["watchdog"],
  "bh.proposal.open": ["proposals"],
  "bh.proposal.release": ["gateway"],
  "bh.exec.mail": ["exec-mail"],
  "bh.exec.local": ["exec-local"],
  "bh.exec.*": [],
  "bh.content.*": ["memory"],
  "bh.decision.*": [],
  "bh.audit.*": [],
  "bh.beat.*": ["watchdog", ...OPERATORS],
  "bh.deliver.tasks.intake": ["tasks"],
  "bh.deliver.watchdog.decisions": ["watchdog"],
  "bh.deliver.proposals.decisions": ["proposals"],
  "bh.deliver.ledger.audit": ["ledger"],
};

describe("the permission matrix, as the server enforces it", () => {
  verifies("ZT-04", "every identity may do what the design says, and nothing else", async () => {
    const subjects = { publish: Object.keys(MAY_PUBLISH), subscription: Object.keys(MAY_SUBSCRIBE) };
    for (const identity of IDENTITIES) {
      const nc = await world.raw(identity);
      const refused = await refusals(nc, subjects);
      const allowed = (table: Readonly<Record<string, readonly string[]>>, operation: string) =>
        Object.keys(table).filter((subject) => !refused.has(`${operation} ${subject}`));
      const expected = (table: Readonly<Record<string, readonly string[]>>) =>
        Object.keys(table).filter((subject) => table[subject]?.includes(identity));
      expect(allowed(MAY_PUBLISH, "publish"), `${identity} publishes`).toEqual(expected(MAY_PUBLISH));
      expect(allowed(MAY_SUBSCRIBE, "subscription"), `${identity} subscribes`).toEqual(expected(MAY_SUBSCRIBE));
      await nc.close();
    }
  });

  test("someone without a key, and a key that nobody knows, do not get in", async () => {
    const { connect } = await import("@nats-io/transport-node");
    await expect(connect({ servers: world.server.url, reconnect: false })).rejects.toThrow(/[Aa]uthorization/);
    const login = { servers: world.server.url, reconnect: false, user: "admin", pass: "admin" };
    await expect(connect(login)).rejects.toThrow(/[Aa]uthorization/);
  });
});

describe("the generated lists", () => {
  const lists = () => [...permissionsOf(world.policy)];

  test("CRED-04: publish lists hold wildcards only where names do not exist yet, all inside the owner's own space", () => {
    const permitted = [
      /^_INBOX\.[a-z0-9-]+\.>$/,
      /^\$JS\.ACK\.[A-Za-z_]+\.[a-z]+\.>$/,
      /^bh\.timer\.[a-z]+\.\*$/,
      /^\$KV\.labels\.\*\.[AB]$/,
    ];
    for (const [identity, { publish }] of lists()) {
      const odd = publish.filter((subject) => /[*>]/.test(subject) && !permitted.some((form) => form.test(subject)));
      expect(odd, identity).toEqual([]);
      for (const ack of publish.filter((subject) => subject.startsWith("$JS.ACK.")))
        expect(ack).toContain(`.${identity}.>`);
    }
  });

  test("hosts, clients and viewers have no JetStream right at all; operators who act read control, and nothing else", () => {
    for (const [identity, { publish }] of lists()) {
      if (!/^(host|client|operator)-/.test(identity)) continue;
      expect(
        publish.filter((subject) => subject.startsWith("$JS.")),
        identity,
      ).toEqual(ACTING.includes(identity) ? ["$JS.API.STREAM.MSG.GET.KV_control"] : []);
    }
  });

  test("nobody answers the provisioner, and nobody may listen to another's inbox", () => {
    for (const [identity, { publish, subscribe }] of lists()) {
      expect(publish).not.toContain("_INBOX.provisioner.>");
      expect(subscribe.filter((subject) => subject.startsWith("_INBOX"))).toEqual([`_INBOX.${identity}.>`]);
    }
  });

  test("a contract that is not in the map gives no right; every contract in it has a publisher and a consumer", () => {
    const reach = (select: (permissions: Permissions) => readonly string[]) =>
      lists().flatMap(([, one]) => select(one));
    for (const name of Object.keys(CONTRACTS) as ContractName[]) {
      const form = new RegExp(
        `^${CONTRACTS[name].subject
          .replaceAll("$", "\\$")
          .replace(/\{\w+\}/g, "[a-z0-9*-]+")
          .replaceAll(".", "\\.")}$`,
        "i",
      );
      expect(
        reach((one) => one.publish).some((subject) => form.test(subject)),
        name,
      ).toBe(true);
    }
  });

  test("an identity without any right gets a deny, since the server reads an empty allow list as everything", () => {
    const trust = { ...world.policy.trust, nobody: { signing: "A".repeat(43), bus: `U${"A".repeat(55)}` } };
    const config = natsConfig({ policy: { ...world.policy, trust }, port: -1, storeDir: "/nowhere" });
    expect(config.slice(config.indexOf("# nobody"))).toContain('publish: { deny: [">"] }');
    expect(config).not.toMatch(/allow_responses|no_auth_user|password|token:/);
  });

  test("plaintext outside loopback is not even configured (ZT-07)", () => {
    const options = { policy: world.policy, port: 4222, storeDir: "/nowhere", host: "0.0.0.0" };
    expect(() => natsConfig(options)).toThrow("TLS only");
  });
});

/** Tries everything on one connection, and gives what the server refused, as `<operation> <subject>`. */
async function refusals(
  nc: NatsConnection,
  tries: { publish: string[]; subscription: string[] },
): Promise<Set<string>> {
  const refused = new Set<string>();
  const listening = (async () => {
    for await (const status of nc.status()) {
      const error = status.type === "error" ? (status.error as { operation?: string; subject?: string }) : undefined;
      if (error?.operation && error.subject) refused.add(`${error.operation} ${error.subject}`);
    }
  })();
  const subscriptions = tries.subscription.map((subject) => {
    const onMessage = (error: Error | null): void => {
      if (error) refused.add(`subscription ${subject}`);
    };
    return nc.subscribe(subject, { callback: onMessage });
  });
  await nc.flush();
  for (const subscription of subscriptions) if (!subscription.isClosed()) subscription.unsubscribe();
  for (const subject of tries.publish) nc.publish(subject, "{}");
  await nc.flush();
  await nc.flush();
  void listening;
  return refused;
}
