import { setTimeout as sleep } from "node:timers/promises";
import { connectBus, type Published, provisionBus } from "@bulkhead/bus";
import { BulkheadError, systemClock } from "@bulkhead/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openBucket } from "../../packages/bus/src/bucket.ts";
import type { Link } from "../../packages/bus/src/link.ts";
import { createMux, type Mux } from "../../packages/bus/src/mux.ts";
import { keyOf, startWorld, type World } from "./world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(async () => {
  await (world as World | undefined)?.[Symbol.asyncDispose]();
});

const next = { agent: "inbox", host: "h1", waitMs: 0 };

test("a request is answered with the handler's value, and its errors arrive as codes without a stack", async () => {
  await using tasks = await world.bus("tasks");
  await using host = await world.bus("host-inbox");
  tasks.serve("next", async ({ issuer, values }) => {
    expect([issuer, values["agent"]]).toEqual(["host-inbox", "inbox"]);
    return Promise.resolve({ work: null });
  });
  tasks.serve("save", async () => Promise.reject(new Error("secret detail")));
  tasks.serve("finish", async () => Promise.reject(new BulkheadError("lease.expired", "(by 3 s)")));
  expect(await host.request("next", next)).toEqual({ work: null });
  const lease = { v: 1 as const, type: "lease", issuer: "tasks", id: "m-1", at: 1, body: {}, sig: "A".repeat(86) };
  const snapshot = {
    v: 1 as const,
    step: 0,
    state: "thinking" as const,
    used: { inputTokens: 0, outputTokens: 0, calls: 0 },
    turns: [],
  };
  const failed = host.request("save", { lease, version: 0, snapshot });
  await expect(failed).rejects.toMatchObject({
    code: "internal",
    message: "The service failed; details are in its own log.",
  });
  await expect(host.request("finish", { lease, outcome: "done" })).rejects.toMatchObject({ code: "lease.expired" });
});

test("a request that nobody serves is tried until its time is over, and a restarting service still gets it", async () => {
  await using host = await world.bus("host-inbox");
  await expect(host.request("next", next, { timeoutMs: 150 })).rejects.toMatchObject({ code: "bus.no-responder" });
  const asked = host.request("next", next);
  await sleep(150);
  await using tasks = await world.bus("tasks");
  tasks.serve("next", async () => Promise.resolve({ work: null }));
  expect(await asked).toEqual({ work: null });
});

test("an abandoned request ends at once", async () => {
  await using host = await world.bus("host-inbox");
  const stop = new AbortController();
  const asked = host.request("next", next, { signal: stop.signal });
  stop.abort(new Error("stopped"));
  await expect(asked).rejects.toThrow("stopped");
});

test("what a stream acknowledged reaches its consumer; failures come again, refusals become dead letters", async () => {
  await using tasks = await world.bus("tasks");
  await using ana = await world.bus("operator-ana");
  const seen: string[] = [];
  const buried: string[] = [];
  const done = Promise.withResolvers<undefined>();
  tasks.consume(
    "submit",
    async (message) => {
      const { body } = message.open();
      seen.push(`${body.title}#${message.deliveries}`);
      if (body.title === "flaky" && message.deliveries === 1) throw new BulkheadError("store.unavailable");
      if (body.title === "bad") throw new BulkheadError("task.malformed");
      if (seen.length >= 4) done.resolve(undefined);
      return Promise.resolve();
    },
    {
      deadLetter: async (message, error) => {
        buried.push(`${message.values["agent"] ?? ""}:${(error as BulkheadError).code}`);
        return Promise.resolve();
      },
    },
  );
  const acks: Published[] = [];
  for (const title of ["good", "bad", "flaky"])
    acks.push(await ana.publish("submit", { title, text: "x" }, { values: { agent: "inbox" } }));
  expect(acks.map((ack) => ack.stream)).toEqual(["INTAKE", "INTAKE", "INTAKE"]);
  await done.promise;
  expect(seen.sort()).toEqual(["bad#1", "flaky#1", "flaky#2", "good#1"]);
  expect(buried).toEqual(["inbox:task.malformed"]);
});

test("a timer comes back to its owner when it is due", async () => {
  await using tasks = await world.bus("tasks");
  const fired = Promise.withResolvers<string>();
  tasks.consume("timer", async (message) => {
    fired.resolve(new TextDecoder().decode(message.data));
    return Promise.resolve();
  });
  await tasks.publish("timer", { id: "t-1" }, { values: { timer: "t-1" }, dueAt: Date.now() + 1_000 });
  expect(JSON.parse(await fired.promise)).toEqual({ id: "t-1" });
});

test("control values are read, watched, and created only once when so asked", async () => {
  await using watchdog = await world.bus("watchdog");
  await using gateway = await world.bus("gateway");
  await using host = await world.bus("host-inbox");
  const control = watchdog.bucket("control");
  const first = await control.put("watchdog", Buffer.from("one"), 0);
  await expect(control.put("watchdog", Buffer.from("two"), 0)).rejects.toMatchObject({ code: "bus.conflict" });
  const values: string[] = [];
  const live: string[] = [];
  const second = Promise.withResolvers<undefined>();
  await host.bucket("control").watch(">", (entry) => live.push(entry.key), { initial: false });
  await gateway.bucket("control").watch(">", (entry) => {
    values.push(`${entry.key}=${Buffer.from(entry.data).toString()}@${entry.revision}`);
    if (values.length === 2) second.resolve(undefined);
  });
  expect(values).toEqual([`watchdog=one@${first}`]);
  await control.put("watchdog", Buffer.from("three"));
  await second.promise;
  expect(values[1]).toMatch(/^watchdog=three@/);
  await expect.poll(() => live).toEqual(["watchdog"]);
  expect(await gateway.bucket("control").get("stop")).toBeUndefined();
});

test("a change that cannot be read at once is read as soon as the stream answers (S4)", async () => {
  await using watchdog = await world.bus("watchdog");
  const nc = await world.raw("gateway");
  const mux = createMux(nc, "gateway");
  let away = false;
  const ask: Mux["ask"] = (...asked) => (away ? Promise.reject(new BulkheadError("bus.timeout")) : mux.ask(...asked));
  const fixed = { nc, mux: { ...mux, ask }, clock: systemClock, closing: new AbortController().signal };
  const link = { ...fixed, subscriptions: [], onReconnect: new Set(), report: () => undefined } as unknown as Link;
  const values: string[] = [];
  await openBucket(link, "control").watch(">", ({ data }) => values.push(Buffer.from(data).toString()));
  away = true;
  await watchdog.bucket("control").put("quarantine", Buffer.from("all"));
  await sleep(300);
  expect(values).not.toContain("all");
  away = false;
  for (let tries = 0; !values.includes("all") && tries < 50; tries++) await sleep(20);
  expect(values).toContain("all");
});

test("labels of one task are found, of others not", async () => {
  await using exec = await world.bus("exec-mail");
  await using gateway = await world.bus("gateway");
  await exec.bucket("labels").put("t-1.A", Buffer.from("{}"), 0);
  expect((await gateway.bucket("labels").list("t-1.*")).map((entry) => entry.key)).toEqual(["t-1.A"]);
  expect(await gateway.bucket("labels").list("t-2.*")).toEqual([]);
});

test("hints and beats arrive; a beat in another's name is dropped", async () => {
  const dropped: unknown[] = [];
  await using watchdog = await world.bus(
    "watchdog",
    (event) => event.kind === "dropped" && dropped.push(event.subject),
  );
  await using gateway = await world.bus("gateway");
  const heard = Promise.withResolvers<string | undefined>();
  watchdog.hear("beat", (message) => {
    heard.resolve(message.issuer);
  });
  await watchdog.bucket("control").list();
  gateway.send("beat", { instance: "g1", revision: 0, stops: [], at: Date.now() });
  expect(await heard.promise).toBe("gateway");
});

test("an oversize message is refused before it is sent", async () => {
  await using ana = await world.bus("operator-ana");
  const huge = { title: "x", text: "x".repeat(1_100_000) };
  await expect(ana.publish("submit", huge, { values: { agent: "inbox" } })).rejects.toMatchObject({
    code: "bus.oversize",
  });
});

test("provisioning again changes nothing, and refuses what was changed behind its back (AUD-13)", async () => {
  await provisionBus(world.provisioning);
  const shorter = { ...world.policy, retention: { ...world.policy.retention, streamMs: 3_600_000 } };
  await provisionBus({ ...world.provisioning, policy: shorter });
  const nc = await world.raw("provisioner");
  const drifted = {
    name: "AUDIT",
    subjects: ["bh.audit.*"],
    retention: "limits",
    storage: "file",
    discard: "new",
    deny_delete: true,
    deny_purge: true,
    max_bytes: 1_000_000,
    max_age: 2_592_000_000_000_000,
    duplicate_window: 100_000_000,
  };
  await nc.request("$JS.API.STREAM.UPDATE.AUDIT", JSON.stringify(drifted), { timeout: 2_000 });
  await expect(provisionBus(world.provisioning)).rejects.toMatchObject({ code: "bus.stream" });
  await nc.request("$JS.API.STREAM.UPDATE.AUDIT", JSON.stringify({ ...drifted, max_bytes: -1 }), { timeout: 2_000 });
  await provisionBus(world.provisioning);
});

test("a key that the policy does not name is refused, and plaintext leaves loopback for nobody (ZT-07)", async () => {
  const { trust } = world.policy;
  const { createBusKey } = await import("@bulkhead/bus");
  const stranger = { ...keyOf(world.keys, "gateway"), busSeed: createBusKey().seed };
  await expect(connectBus({ url: world.server.url, identity: stranger, trust })).rejects.toMatchObject({
    code: "bus.unauthorized",
  });
  const away = { url: "nats://192.0.2.1:4222", identity: keyOf(world.keys, "gateway"), trust };
  await expect(connectBus(away)).rejects.toMatchObject({ code: "bus.plaintext" });
});
