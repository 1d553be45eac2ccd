import { setTimeout as sleep } from "node:timers/promises";
import { BulkheadError, newId, open, sign, signingKey, systemClock } from "@bulkhead/core";
import type { BodyOf, ContractName } from "@bulkhead/schemas";
import { typeOf } from "@bulkhead/schemas";
import { headers, type NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Link } from "../../packages/bus/src/link.ts";
import { createMux } from "../../packages/bus/src/mux.ts";
import { append } from "../../packages/bus/src/publish.ts";
import { verifies } from "../verifies.ts";
import { keyOf, startWorld, type World } from "./world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(async () => {
  await (world as World | undefined)?.[Symbol.asyncDispose]();
});

const next: BodyOf<"next"> = { agent: "inbox", host: "h1", waitMs: 0 };

function signed<N extends ContractName>(issuer: string, name: N, body: BodyOf<N>, at = Date.now()): string {
  const clock = { ...systemClock, now: () => at };
  return JSON.stringify(sign(signingKey(keyOf(world.keys, issuer).signingSeed), issuer, typeOf(name), body, { clock }));
}

const linkOf = (nc: NatsConnection, identity: string) =>
  ({ nc, mux: createMux(nc, identity), clock: systemClock }) as Link;

/** Everything that the server put on a subject within a while. */
async function heardOn(nc: NatsConnection, subject: string, attack: () => Promise<void>): Promise<string[]> {
  const heard: string[] = [];
  const subscription = nc.subscribe(subject, {
    callback: (error, msg) => void heard.push(error?.message ?? msg.string()),
  });
  await nc.flush();
  await attack();
  await sleep(150);
  await nc.flush();
  subscription.unsubscribe();
  return heard;
}

/** How many messages a stream holds and has ever held. */
async function fill(stream: string): Promise<{ messages: number; last_seq: number }> {
  const nc = await world.raw("provisioner");
  const reply = await nc.request(`$JS.API.STREAM.INFO.${stream}`, "", { timeout: 2_000 });
  const { messages, last_seq } = reply.json<{ state: { messages: number; last_seq: number } }>().state;
  return { messages, last_seq };
}

async function unchanged(streams: readonly string[], attack: () => Promise<void>): Promise<void> {
  const before = await Promise.all(streams.map(fill));
  await attack();
  await sleep(150);
  expect(await Promise.all(streams.map(fill))).toEqual(before);
}

async function apiError(
  nc: NatsConnection,
  subject: string,
  body: unknown,
  extra: Record<string, string> = {},
): Promise<string> {
  const chosen = headers();
  for (const [key, value] of Object.entries(extra)) chosen.set(key, value);
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const reply = await nc.request(subject, text, { timeout: 2_000, headers: chosen });
  return reply.json<{ error?: { description: string } }>().error?.description ?? "";
}

const ALL_STREAMS = [
  "INTAKE",
  "DECISIONS",
  "AUDIT",
  "DEAD",
  "KV_control",
  "KV_labels",
  "TIMERS_tasks",
  "TIMERS_proposals",
];

describe("a caller chooses the reply subject", () => {
  verifies(
    ["ZT-05"],
    "a signed request with another's inbox or a stream as its reply subject is answered nowhere (ATT-005)",
    async () => {
      let handled = 0;
      const refusals: string[] = [];
      await using tasks = await world.bus("tasks", (event) => refusals.push((event.error as BulkheadError).code));
      tasks.serve("next", async () => {
        handled++;
        return Promise.resolve({ work: null });
      });
      const [attacker, victim] = [await world.raw("host-inbox"), await world.raw("host-finance")];
      const heard = await heardOn(victim, "_INBOX.host-finance.>", async () =>
        unchanged(ALL_STREAMS, async () => {
          const targets = [
            "_INBOX.host-finance.x.1",
            "bh.audit.tasks",
            "bh.task.nudge.inbox",
            "$KV.control.breaker-inbox",
            "_INBOX.host-inbox",
          ];
          for (const reply of targets)
            attacker.publish("bh.task.next.inbox", signed("host-inbox", "next", next), { reply });
          await attacker.flush();
        }),
      );
      expect(heard).toEqual([]);
      expect(handled).toBe(0);
      expect(refusals).toEqual(Array(5).fill("bus.reply-subject"));
    },
  );

  test("garbage with another's inbox as its reply subject draws no error message there either", async () => {
    await using tasks = await world.bus("tasks");
    tasks.serve("next", async () => Promise.resolve({ work: null }));
    const [attacker, victim] = [await world.raw("host-inbox"), await world.raw("host-finance")];
    const heard = await heardOn(victim, "_INBOX.host-finance.>", async () => {
      attacker.publish("bh.task.next.inbox", "{", { reply: "_INBOX.host-finance.x.1" });
      await attacker.flush();
    });
    expect(heard).toEqual([]);
  });

  test("even a service that answers blindly is held by its permissions", async () => {
    const [blind, attacker] = [await world.raw("gateway"), await world.raw("host-inbox")];
    const subscription = blind.subscribe("bh.call.*.*", { callback: (_, msg) => void msg.respond("gotcha") });
    await blind.flush();
    await unchanged(ALL_STREAMS, async () => {
      for (const reply of ["bh.decision.ana", "bh.proposal.release", "$KV.control.stop", "bh.exec.nowhere"])
        attacker.publish("bh.call.inbox.mail-read", "{}", { reply });
      await attacker.flush();
      await sleep(50);
    });
    const answered = await attacker.request("bh.call.inbox.mail-read", "{}", { timeout: 500 });
    expect(answered.string()).toBe("gotcha");
    subscription.unsubscribe();
  });
});

describe("the right to pull is the right to deliver anywhere", () => {
  verifies("ZT-04", "nobody can have messages delivered to a subject of their choice (ATT-006)", async () => {
    const ana = await world.bus("operator-ana");
    await ana.publish("submit", { title: "t", text: "secret" }, { values: { agent: "inbox" } });
    for (const identity of ["host-inbox", "operator-bob", "client-web", "tasks", "exec-mail", "watchdog"]) {
      const nc = await world.raw(identity);
      await unchanged(["AUDIT", "DECISIONS", "DEAD"], async () => {
        for (const api of [
          "MSG.NEXT.INTAKE.tasks",
          "CREATE.INTAKE",
          "DURABLE.CREATE.INTAKE.evil",
          "CREATE.INTAKE.evil.bh.task.submit.inbox",
        ]) {
          const config = {
            stream_name: "INTAKE",
            config: { durable_name: "evil", deliver_subject: "bh.audit.tasks", ack_policy: "none" },
          };
          nc.publish(`$JS.API.CONSUMER.${api}`, JSON.stringify(config), { reply: "bh.audit.tasks" });
        }
        await nc.flush();
      });
    }
  });

  test("an acknowledgement that asks for the next message elsewhere brings none of its bytes there", async () => {
    const tasks = await world.raw("tasks");
    const ana = await world.bus("operator-ana");
    const before = await fill("AUDIT");
    const subscription = tasks.subscribe("bh.deliver.tasks.intake", {
      queue: "tasks",
      callback: (_, msg) => {
        tasks.publish(msg.reply ?? "", "+NXT 10", { reply: "bh.audit.tasks" });
      },
    });
    await tasks.flush();
    for (const text of ["one", "two"])
      await ana.publish("submit", { title: "t", text }, { values: { agent: "inbox" } });
    await sleep(200);
    subscription.unsubscribe();
    const landed: number[] = [];
    const ledger = await world.raw("ledger");
    const callback = (_: Error | null, msg: { data: Uint8Array }): void => void landed.push(msg.data.length);
    ledger.subscribe("bh.deliver.ledger.audit", { queue: "ledger", callback });
    await ledger.flush();
    await sleep(200);
    // The server's own status message may land; nothing of the other stream does, and an empty message proves nothing to anyone.
    expect(landed).toHaveLength((await fill("AUDIT")).last_seq - before.last_seq);
    expect(landed.every((bytes) => bytes === 0)).toBe(true);
  });
});

describe("whoever may write one key may not touch another", () => {
  test("a rollup erases nothing", async () => {
    const [watchdog, exec, ana] = [
      await world.raw("watchdog"),
      await world.raw("exec-mail"),
      await world.bus("operator-ana"),
    ];
    await (await world.bus("exec-local")).bucket("labels").put("t-9.A", Buffer.from("{}"), 0);
    await ana.bucket("control").put("stop", Buffer.from("stopped"));
    for (const rollup of ["all", "sub"]) {
      await unchanged(["KV_control", "KV_labels"], async () => {
        expect(await apiError(watchdog, "$KV.control.watchdog", "x", { "Nats-Rollup": rollup })).toContain(
          "rollup not permitted",
        );
        expect(await apiError(exec, "$KV.labels.t-9.A", "x", { "Nats-Rollup": rollup })).toContain(
          "rollup not permitted",
        );
      });
    }
    const gateway = await world.bus("gateway");
    expect(Buffer.from((await gateway.bucket("control").get("stop"))?.data ?? []).toString()).toBe("stopped");
    expect(await gateway.bucket("labels").list("t-9.*")).toHaveLength(1);
  });

  test("a time to live, a delete marker and an overwrite leave a label in place", async () => {
    const [exec, gateway] = [await world.raw("exec-mail"), await world.bus("gateway")];
    await (await world.bus("exec-local")).bucket("labels").put("t-10.A", Buffer.from("{}"), 0);
    await apiError(exec, "$KV.labels.t-10.A", "{}", { "Nats-TTL": "1s" });
    await apiError(exec, "$KV.labels.t-10.A", "", { "KV-Operation": "PURGE" });
    await sleep(1_100);
    expect(await gateway.bucket("labels").get("t-10.A")).toMatchObject({ key: "t-10.A" });
  });
});

describe("a chosen message id makes another's message a duplicate", () => {
  test("nobody here sends ids, so a foreign one swallows nothing; a duplicate would be a failure", async () => {
    const [bob, ana] = [await world.raw("operator-bob"), await world.bus("operator-ana")];
    const id = newId("m");
    await apiError(bob, "bh.task.submit.inbox", JSON.stringify({ title: "x", text: "x" }), { "Nats-Msg-Id": id });
    const before = await fill("INTAKE");
    await ana.publish("submit", { title: "y", text: "y" }, { values: { agent: "inbox" }, id });
    expect((await fill("INTAKE")).last_seq).toBe(before.last_seq + 1);
    const twice = headers();
    twice.set("Nats-Msg-Id", "again");
    const link = linkOf(bob, "operator-bob");
    const message = { stream: "INTAKE", subject: "bh.task.submit.inbox", data: Buffer.from("{}"), headers: twice };
    await append(link, message);
    await expect(append(link, message)).rejects.toMatchObject({ code: "bus.duplicate" });
    await sleep(300);
    await expect(append(link, message)).resolves.toMatchObject({ stream: "INTAKE" });
  });

  test("an acknowledgement of another stream is none", async () => {
    const link = linkOf(await world.raw("operator-ana"), "operator-ana");
    const message = { stream: "DECISIONS", subject: "bh.task.submit.inbox", data: Buffer.from("{}") };
    await expect(append(link, message)).rejects.toMatchObject({ code: "bus.stream" });
  });
});

describe("a schedule names its target", () => {
  test("no owner can fire another's timer, or anything outside its own stream", async () => {
    const proposals = await world.raw("proposals");
    for (const target of [
      "bh.timer.tasks",
      "bh.audit.proposals",
      "bh.decision.ana",
      "$KV.control.stop",
      "_INBOX.gateway.x.y",
      "bh.exec.mail",
    ]) {
      await unchanged(ALL_STREAMS, async () => {
        const schedule = {
          "Nats-Schedule": `@at ${new Date(Date.now() + 50).toISOString()}`,
          "Nats-Schedule-Target": target,
        };
        expect(await apiError(proposals, "bh.timer.proposals.p-1", "{}", schedule)).not.toBe("");
      });
    }
  });

  test("a schedule outside the timers is refused", async () => {
    const schedule = {
      "Nats-Schedule": `@at ${new Date(Date.now() + 50).toISOString()}`,
      "Nats-Schedule-Target": "bh.decision.bob",
    };
    await unchanged(ALL_STREAMS, async () => {
      const nc = await world.raw("operator-ana");
      expect(await apiError(nc, "bh.decision.ana", "{}", schedule)).not.toBe("");
    });
  });
});

test("a trace destination is no way to publish elsewhere", async () => {
  const [attacker, victim] = [await world.raw("host-inbox"), await world.raw("host-finance")];
  const heard = await heardOn(victim, "_INBOX.host-finance.>", async () =>
    unchanged(ALL_STREAMS, async () => {
      for (const target of ["_INBOX.host-finance.x", "bh.audit.host-finance", "bh.decision.ana"]) {
        const trace = headers();
        trace.set("Nats-Trace-Dest", target);
        attacker.publish("bh.task.next.inbox", "{}", { headers: trace });
      }
      await attacker.flush();
    }),
  );
  expect(heard).toEqual([]);
});

describe("a subject alone proves nothing", () => {
  verifies("ZT-02", "a signature cannot be lifted into another contract, subject or sender", async () => {
    let handled = 0;
    await using tasks = await world.bus("tasks");
    const refuse = async (): Promise<never> => {
      handled++;
      return Promise.reject(new BulkheadError("internal"));
    };
    for (const name of ["next", "save", "finish"] as const) tasks.serve(name, refuse);
    const [inbox, finance] = [await world.raw("host-inbox"), await world.raw("host-finance")];
    const code = async (nc: NatsConnection, subject: string, bytes: string) =>
      (await nc.request(subject, bytes, { timeout: 1_000 })).json<{ error: { code: string } }>().error.code;
    const genuine = signed("host-inbox", "next", next);
    expect(await code(inbox, "bh.task.save.inbox", genuine)).toBe("envelope.type");
    expect(await code(finance, "bh.task.next.finance", genuine)).toBe("forbidden");
    expect(await code(inbox, "bh.task.next.inbox", genuine.replace('"h1"', '"h2"'))).toBe("envelope.signature");
    expect(await code(inbox, "bh.task.next.inbox", genuine.replace("host-inbox", "gateway"))).toBe("envelope.issuer");
    expect(await code(inbox, "bh.task.next.inbox", genuine.replace("host-inbox", "nobody"))).toBe("envelope.issuer");
    expect(await code(inbox, "bh.task.next.inbox", signed("host-inbox", "next", next, Date.now() - 301_000))).toBe(
      "envelope.expired",
    );
    expect(await code(inbox, "bh.task.next.inbox", signed("host-inbox", "next", next, Date.now() + 301_000))).toBe(
      "envelope.expired",
    );
    expect(await code(inbox, "bh.task.next.inbox", JSON.stringify(next))).toBe("envelope.malformed");
    expect(await code(inbox, "bh.task.next.inbox", '{"a":1,"a":2}')).toBe("json.duplicate-key");
    expect(await code(inbox, "bh.task.next.inbox", "[".repeat(5_000))).toBe("json.depth");
    const extra = { ...next, admin: true } as BodyOf<"next">;
    expect(await code(inbox, "bh.task.next.inbox", signed("host-inbox", "next", extra))).toBe("schema.invalid");
    expect(handled).toBe(0);
  });

  test("a stream's message that the contract map does not allow from its signer does not open", async () => {
    await using proposals = await world.bus("proposals");
    const codes: string[] = [];
    proposals.consume("decision", async (message) => Promise.resolve(void message.open()), {
      deadLetter: async (_, error) => Promise.resolve(void codes.push((error as BulkheadError).code)),
    });
    const decision: BodyOf<"decision"> = {
      v: 1,
      proposal: "p-1",
      digest: `sha256:${"0".repeat(64)}`,
      action: `sha256:${"0".repeat(64)}`,
      outcome: "approve",
    };
    const bob = await world.raw("operator-bob");
    for (const bytes of [signed("operator-ana", "decision", decision), signed("gateway", "decision", decision), "{}"])
      await apiError(bob, "bh.decision.bob", bytes);
    for (let tries = 0; codes.length < 3 && tries < 50; tries++) await sleep(20);
    expect(codes.sort()).toEqual(["envelope.issuer", "envelope.malformed", "forbidden"]);
    const whole = JSON.parse(signed("operator-ana", "decision", decision)) as unknown;
    const keyOfAna = signingKey(keyOf(world.keys, "operator-ana").signingSeed).publicKey;
    expect(open(whole, { type: "decision", keyOf: () => keyOfAna }).issuer).toBe("operator-ana");
  });
});

describe("names", () => {
  verifies(
    "ZT-06",
    "a name with a separator, wildcard or foreign letter never becomes part of a subject or key (ATT-058)",
    async () => {
      const gateway = await world.bus("gateway");
      const [tasks, raw] = [await world.bus("tasks"), await world.raw("host-inbox")];
      for (const bad of ["a.b", "*", ">", "a b", "A", "а", "", "-a", "a\r\nPUB x 0\r\n"]) {
        expect(() => {
          gateway.send("beat", { instance: "x", revision: 0, stops: [], at: 0 }, { service: bad });
        }).toThrow("A name does not match");
        await expect(tasks.publish("timer", { id: "x" }, { values: { timer: bad } })).rejects.toMatchObject({
          code: "token.invalid",
        });
        await expect(tasks.bucket("labels").put(`${bad}.A`, Buffer.from("{}"))).rejects.toMatchObject({
          code: "token.invalid",
        });
      }
      for (const subject of [
        "bh.task.next.*",
        "bh.task.next.>",
        "bh.task.next.inbox.",
        "bh.task.next.inbox.x",
        "bh..next.inbox",
      ])
        await expect(raw.request(subject, signed("host-inbox", "next", next), { timeout: 300 })).rejects.toThrow();
    },
  );
});

test("not even the provisioner can allow deletion, or unsay a stream (AUD-13)", async () => {
  const nc = await world.raw("provisioner");
  const info = (await nc.request("$JS.API.STREAM.INFO.AUDIT", "", { timeout: 2_000 })).json<{ config: object }>();
  const error = async (change: object) => apiError(nc, "$JS.API.STREAM.UPDATE.AUDIT", { ...info.config, ...change });
  expect(await error({ deny_delete: false })).toContain("can not cancel deny message delete");
  expect(await error({ deny_purge: false })).toContain("can not cancel deny purge");
  await expect(nc.request("$JS.API.STREAM.DELETE.AUDIT", "", { timeout: 300 })).rejects.toThrow();
  await expect(nc.request("$JS.API.STREAM.PURGE.AUDIT", "", { timeout: 300 })).rejects.toThrow();
});
