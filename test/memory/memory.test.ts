import type { Bus } from "@bulkhead/bus";
import { sign, signingKey } from "@bulkhead/core";
import { type ContentReply, type ContentRequest, MAX_CONTENT_BYTES } from "@bulkhead/schemas";
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { type Constellation, startConstellation } from "../harness/constellation.ts";
import { verifies } from "../verifies.ts";

type Put = Extract<ContentRequest, { kind: "put" }>;

const IDENTITIES = [
  "memory",
  "tasks",
  "models",
  "exec-local",
  "exec-mail",
  "host-inbox",
  "host-finance",
  "operator-ana",
];

let world: Constellation;
const buses = new Map<string, Bus>();

const bus = (identity: string): Bus => buses.get(identity) ?? expect.fail(identity);

beforeAll(async () => {
  world = await startConstellation({ identities: IDENTITIES });
  await world.start("memory");
  for (const identity of IDENTITIES) buses.set(identity, await world.bus(identity));
});

afterAll(() => world[Symbol.asyncDispose]());

const mail: Put = {
  kind: "put",
  task: "t-1",
  about: "result",
  text: "Dear Ana, …",
  labels: ["A"],
  provenance: { origin: "outside", source: "t-1.0.0", at: 1 },
};

async function put(identity: string, changes: Partial<Put> = {}): Promise<string> {
  const reply = await bus(identity).request("content", { ...mail, ...changes }, { attempts: 3 });
  return reply.ref;
}

function lease(agent: string, task: string, expiresAt = Date.now() + 10_000, issuer = "tasks") {
  const key = signingKey(world.keys.get(issuer)?.signingSeed ?? "");
  const base = {
    v: 1,
    epoch: 1,
    principal: "operator-ana",
    ceiling: "AUTO",
    depth: 0,
    textDigest: `sha256:${"0".repeat(64)}`,
  };
  return sign(key, issuer, "lease", { ...base, agent, task, expiresAt });
}

const get = (identity: string, ref: string, shown?: ReturnType<typeof lease>): Promise<ContentReply> =>
  bus(identity).request("content", { kind: "get", ref, ...(shown && { lease: shown }) });

describe("the content store", () => {
  verifies(["GD-04", "INJ-01"], "gives a piece back with its labels and provenance", async () => {
    const ref = await put("exec-mail");
    const piece = { kind: "get", ref, task: "t-1", text: mail.text, labels: ["A"], provenance: mail.provenance };
    expect(await get("exec-mail", ref)).toEqual(piece);
    expect(await get("tasks", ref)).toEqual(piece);
    expect(await get("host-inbox", ref, lease("inbox", "t-1"))).toEqual(piece);
    const shown = await bus("operator-ana").request("queryMemory", { kind: "memory.show", ref });
    expect(shown).toMatchObject({ kind: "memory.show", text: mail.text, provenance: mail.provenance });
  });

  verifies("S8", "a host reads the pieces of the task that it holds, and no others", async () => {
    const ref = await put("exec-mail");
    const refused = (shown: ReturnType<typeof lease> | undefined, code: string, identity = "host-inbox") =>
      expect(get(identity, ref, shown)).rejects.toMatchObject({ code });
    await refused(undefined, "lease.invalid");
    await refused(lease("inbox", "t-2"), "forbidden");
    await refused(lease("inbox", "t-1", Date.now() - 1), "lease.expired");
    await refused(lease("finance", "t-1"), "lease.invalid");
    await refused(lease("inbox", "t-1"), "lease.invalid", "host-finance");
    await refused(lease("inbox", "t-1", Date.now() + 10_000, "exec-mail"), "envelope.issuer");
    await expect(get("exec-local", ref)).rejects.toMatchObject({ code: "forbidden" });
    await expect(get("models", ref)).rejects.toMatchObject({ code: "forbidden" });
  });

  verifies("S9", "nobody puts a kind or an origin that is not its own", async () => {
    await expect(put("host-inbox")).rejects.toMatchObject({ code: "forbidden" });
    await expect(put("host-inbox", { about: "task" })).rejects.toMatchObject({ code: "forbidden" });
    const trusted = { provenance: { origin: "operator", at: 1 } } as const;
    await expect(put("exec-mail", trusted)).rejects.toMatchObject({ code: "forbidden" });
    await expect(put("models", { about: "result" })).rejects.toMatchObject({ code: "forbidden" });
    await put("host-inbox", { provenance: { origin: "agent", at: 1 } });
    await put("models", { about: "model", provenance: { origin: "model", at: 1 } });
  });

  verifies("GD-06", "an expired piece is gone at once", async () => {
    const ref = await put("exec-mail", { ttlMs: 0 });
    await expect(get("exec-mail", ref)).rejects.toMatchObject({ code: "content.missing" });
    await expect(get("exec-mail", "c-00000000000000000000000000")).rejects.toMatchObject({ code: "content.missing" });
    const long = await put("exec-mail", { ttlMs: 400 * 86_400_000 });
    const { url, user, password } = world.database.admin;
    const client = new MongoClient(url, { auth: { username: user, password }, authSource: "admin" });
    const stored = await client
      .db("bh_memory")
      .collection<{ _id: string; expires: Date }>("content")
      .findOne({ _id: long });
    await client.close();
    expect(stored?.expires.getTime()).toBeLessThanOrEqual(Date.now() + world.policy.retention.contentMs);
  });

  verifies("GD-04", "a piece has at most 512 KiB, counted in bytes", async () => {
    const sent = { ...mail, text: "x".repeat(MAX_CONTENT_BYTES) };
    const large = await bus("exec-mail").request("content", sent);
    expect(large.kind).toBe("put");
    await expect(put("exec-mail", { text: `${sent.text}x` })).rejects.toMatchObject({ code: "content.size" });
    await expect(put("exec-mail", { text: "é".repeat(MAX_CONTENT_BYTES / 2 + 1) })).rejects.toMatchObject({
      code: "content.size",
    });
  });
});
