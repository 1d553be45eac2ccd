import { setTimeout as sleep } from "node:timers/promises";
import { newId, sign, signingKey } from "@bulkhead/core";
import type { ControlValue } from "@bulkhead/schemas";
import { afterAll, beforeAll, expect } from "vitest";
import { type Constellation, startConstellation } from "../harness/constellation.ts";
import { eventually } from "../harness/eventually.ts";
import { smallPolicy } from "../harness/policy.ts";
import { verifies } from "../verifies.ts";

const IDENTITIES = ["gateway", "watchdog", "operator-ana", "operator-carl", "operator-bob"];
let world: Constellation;
/** What the gateway says to obey. */
let obeyed: { revision: number; stops: readonly string[] } = { revision: 0, stops: [] };

beforeAll(async () => {
  world = await startConstellation({
    identities: IDENTITIES,
    policy: (keys) => {
      const base = smallPolicy(keys);
      const carl = { name: "carl", person: "carl", roles: ["approver" as const] };
      const bob = { name: "bob", person: "bob", roles: ["viewer" as const] };
      return { ...base, operators: { ...base.operators, carl, bob } };
    },
  });
  const ana = await world.bus("operator-ana");
  ana.hear("beat", ({ issuer, body }) => {
    if (issuer === "gateway") obeyed = body;
  });
  await Promise.all([world.start("gateway"), world.start("watchdog")]);
}, 60_000);
afterAll(() => world[Symbol.asyncDispose]());

async function say(key: string, value: ControlValue, issuer: string, at = Date.now()): Promise<number> {
  const seed = world.keys.get(issuer)?.signingSeed ?? "";
  const envelope = sign(signingKey(seed), issuer, "control", value, { clock: { now: () => at, monotonic: () => at } });
  const bus = await world.bus("operator-ana");
  return await bus.bucket("control").put(key, Buffer.from(JSON.stringify(envelope)));
}

const obeys = (revision: number) =>
  eventually(() => Promise.resolve(obeyed.revision >= revision || undefined), 2_000).then(
    () => true,
    () => false,
  );
const stop = (id: string) => ({ id, scope: { kind: "all" as const }, reason: "a test", at: 1 });
const revoked = (...operators: string[]): ControlValue => ({ kind: "revoked", operators });

verifies(
  ["S4", "CRED-04"],
  "operators are revoked by an admin alone, and only added; what a revoked one says is nobody's word",
  async () => {
    const id = newId("s");
    expect(await obeys(await say("stop", { kind: "stop", stops: [stop(id)], lifts: [] }, "operator-carl"))).toBe(true);
    expect(obeyed.stops).toEqual([id]);
    expect(await obeys(await say("revoked", revoked("ana"), "operator-carl"))).toBe(false);
    expect(await obeys(await say("revoked", revoked("ana"), "operator-bob"))).toBe(false);
    expect(await obeys(await say("revoked", revoked("carl"), "operator-ana"))).toBe(true);
    expect(await obeys(await say("revoked", revoked(), "operator-ana"))).toBe(false);
    expect(await obeys(await say("stop", { kind: "stop", stops: [], lifts: [id] }, "operator-carl"))).toBe(false);
    expect(obeyed.stops).toEqual([id]);
    await sleep(20);
    expect(await obeys(await say("revoked", revoked("carl", "bob"), "operator-ana"))).toBe(true);
    expect(await obeys(await say("stop", { kind: "stop", stops: [], lifts: [id] }, "operator-ana"))).toBe(true);
    expect(obeyed.stops).toEqual([]);
  },
  60_000,
);

verifies(
  ["S4", "TIER-09"],
  "a resume is believed if it names the stop, also when the value that lifted an earlier one was missed",
  async () => {
    const [first, second] = [newId("s"), newId("s")];
    await obeys(await say("stop", { kind: "stop", stops: [stop(first)], lifts: [] }, "operator-ana"));
    expect(await obeys(await say("stop", { kind: "stop", stops: [], lifts: [second] }, "operator-ana"))).toBe(false);
    expect(obeyed.stops).toEqual([first]);
    const next: ControlValue = { kind: "stop", stops: [stop(second)], lifts: [first] };
    expect(await obeys(await say("stop", next, "operator-ana"))).toBe(true);
    expect(obeyed.stops).toEqual([second]);
  },
  60_000,
);
