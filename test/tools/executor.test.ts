import { once as event } from "node:events";
import { appendFile, chmod, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { verifies } from "../verifies.ts";
import { newTask, once, requestOf, text, until } from "./ask.ts";
import { type ExecWorld, startExecWorld } from "./world.ts";

let world: ExecWorld;
beforeAll(async () => {
  world = await startExecWorld();
  await mkdir(join(world.dir, "mail", "new"), { recursive: true });
  await writeFile(join(world.dir, "mail", "new", "1.a.b"), "From: a@x.example\nSubject: Hello\n\nPay now\n");
  await writeFile(join(world.dir, "files", "hello.txt"), "hello");
  await symlink("/etc/passwd", join(world.dir, "files", "link"));
  await world.executor("local");
  await sleep(500);
});
afterAll(async () => {
  await (world as ExecWorld | undefined)?.[Symbol.asyncDispose]();
});

const write = (more: object = {}) =>
  requestOf(world, { tool: "files-write", args: { path: "new.txt", text: "x" }, ...more });
const create = (more: object = {}) =>
  requestOf(world, { tool: "books-create", args: { kind: "invoice", title: "Nr. 1" }, ...more });

describe("a read", () => {
  verifies("S9", "needs the gateway's grant, raises its labels first, and is recorded with its content", async () => {
    const task = newTask();
    const listed = JSON.parse(text(await once(world, requestOf(world, { task, tool: "mail-list", args: {} })))) as {
      messages: { id: string }[];
    };
    const read = await once(
      world,
      requestOf(world, {
        task,
        callId: `${task}.2.0`,
        tool: "mail-read",
        args: { message: listed.messages[0]?.id ?? "" },
      }),
    );
    expect(JSON.parse(text(read))).toMatchObject({ subject: "Hello", text: "Pay now\n" });
    expect(read).toMatchObject({
      status: "done",
      tier: "AUTO",
      result: { labels: ["A", "B"], provenance: { origin: "outside" } },
    });
    expect(await world.labels(task)).toEqual(["A", "B"]);
    await expect
      .poll(() => world.entries.filter((entry) => entry.task === task).map(({ event }) => event))
      .toEqual(["label.raised", "read.executed", "read.executed"]);
    const entry = world.entries.find(({ callId }) => callId === `${task}.2.0`);
    expect(world.contents.get(entry?.content ?? "")).toContain("Pay now");
  });
  it.each(["../secret", "link", "/etc/passwd", "a/../../x", "%2e%2e/x", "\\\\host\\x", ".bulkhead-trash/x"])(
    "stays in its folder: %s",
    async (path) => {
      expect(await once(world, requestOf(world, { tool: "files-read", args: { path } }))).toMatchObject({
        status: "failed",
        code: "path.denied",
      });
    },
  );
});

describe("an effect", () => {
  verifies("DED-02", "runs once for one call id, however often and by whomever it is asked", async () => {
    const request = create();
    const replies = await Promise.all(Array.from({ length: 10 }, () => once(world, request)));
    const texts = new Set([...replies, await once(world, request)].map(text));
    expect(texts.size).toBe(1);
    const listed = await once(world, requestOf(world, { tool: "books-list", args: { kind: "invoice" } }));
    expect((JSON.parse(text(listed)) as { records: unknown[] }).records).toHaveLength(1);
    const events = () =>
      world.entries.filter(({ callId }) => callId === request.action.callId).map(({ event }) => event);
    await expect.poll(events).toEqual(["effect.intent", "effect.done"]);
  });
  verifies("DED-06", "is a conflict and a security event under the same id with other arguments", async () => {
    const task = newTask();
    await once(world, create({ task }));
    expect(await once(world, create({ task, args: { kind: "invoice", title: "Nr. 2" } }))).toMatchObject({
      status: "refused",
      code: "call.conflict",
    });
    await expect
      .poll(() => world.entries.some((entry) => entry.event === "security.conflict" && entry.task === task))
      .toBe(true);
  });
  verifies("S2", "needs the watchdog's signature over the same grant", async () => {
    expect(text(await once(world, create({ issuers: ["gateway"] })))).toBe("refused signature.missing");
    const task = newTask();
    const [one, other] = [create({ task }), create({ task, grant: { expiresAt: Date.now() + 5_000 } })];
    const mixed = { ...one, grants: [one.grants[0], other.grants[1]] } as typeof one;
    expect(text(await once(world, mixed))).toBe("refused grant.invalid");
  });
  verifies(["PROP-03", "S3"], "runs with the very arguments that were signed, or not at all", async () => {
    const request = create();
    const changed = { ...request, action: { ...request.action, args: { ...request.action.args, title: "Nr. 999" } } };
    expect(text(await once(world, changed))).toBe("refused digest.mismatch");
    await expect
      .poll(() => world.entries.some(({ event, code }) => event === "security.forged" && code === "digest.mismatch"))
      .toBe(true);
  });
  it.each([
    ["policy.epoch", { action: { policyEpoch: `sha256:${"1".repeat(64)}` } }],
    ["tool.hash", { action: { toolHash: `sha256:${"1".repeat(64)}` } }],
    ["grant.expired", { grant: { expiresAt: Date.now() - 1 } }],
    ["grant.expired", { grant: { notBefore: Date.now() + 3_600_000, expiresAt: Date.now() + 7_200_000 } }],
    ["args.invalid", { args: { kind: "invoice", title: "x", more: 1 } }],
    ["args.invalid", { args: { kind: "nope", title: "x" } }],
    ["agent.unknown", { action: { agent: "ghost" }, grant: { agent: "ghost" } }],
  ])("is refused: %s", async (code, more) => {
    expect(text(await once(world, create(more)))).toBe(`refused ${code}`);
  });
  verifies("S2", "is refused when labels that the executor reads itself ask for more than was signed", async () => {
    const task = newTask();
    const post = () =>
      requestOf(world, { task, callId: `${task}.1.${++tried}`, tool: "wall-post", args: { text: "hi" } });
    let tried = 0;
    expect(text(await once(world, post()))).toContain("posted");
    await world.raise(task, "A");
    expect(text(await once(world, post()))).toBe("refused tier.raised");
  });
  it("that leaves the house does not run unasked", async () => {
    expect(text(await once(world, requestOf(world, { tool: "channel-post", args: { text: "hi" } })))).toBe(
      "refused tier.raised",
    );
  });
  verifies("S5", "is refused when it is declared BLOCK: there is nothing to run", async () => {
    const args = { account: "DE02120300000000202051", cents: 1, reference: "x" };
    expect(text(await once(world, requestOf(world, { tool: "pay-transfer", args })))).toBe("refused tier.block");
  });
});

describe("a call that a person decides", () => {
  verifies(["PROP-06", "PROP-07"], "runs with the operator's own signature, and not without", async () => {
    expect(text(await once(world, write({ tier: "CONFIRM" })))).toBe("refused signature.missing");
    expect(text(await once(world, write({ tier: "AUTO+" })))).toBe("refused tier.raised");
    expect(text(await once(world, write({ tier: "CONFIRM", approvedBy: "operator-eve" })))).toBe(
      "refused approval.invalid",
    );
    expect(text(await once(world, write({ tier: "CONFIRM", approvedBy: "gateway" })))).toBe("refused approval.invalid");
    expect(text(await once(world, write({ tier: "CONFIRM", approvedBy: "operator-ana", outcome: "deny" })))).toBe(
      "refused approval.denied",
    );
    const other = write({ tier: "CONFIRM", approvedBy: "operator-ana", args: { path: "other.txt", text: "x" } });
    expect(
      text(await once(world, { ...write({ tier: "CONFIRM" }), ...(other.approval && { approval: other.approval }) })),
    ).toBe("refused approval.invalid");
    expect(text(await once(world, write({ tier: "CONFIRM", approvedBy: "operator-ana" })))).toContain(
      '"written":"new.txt"',
    );
    expect(await readFile(join(world.dir, "files", "new.txt"), "utf8")).toBe("x");
  });
});

describe("control", () => {
  it("stops effects at once, and lets reads go on", async () => {
    await world.control("stop", "operator-ana", {
      kind: "stop",
      stops: [{ id: "s", scope: { kind: "tool", name: "books-create" }, reason: "", at: 1 }],
      lifts: [],
    });
    await expect.poll(async () => text(await once(world, create()))).toBe("refused control.stopped");
    await world.control("stop", "operator-ana", { kind: "stop", stops: [], lifts: ["s"] });
    await expect.poll(async () => text(await once(world, create()))).toContain("Nr. 1");
  });
  verifies(["S2", "S4"], "without the watchdog's beat no effect runs, reads go on, and it is not latched", async () => {
    world.beating = false;
    await sleep(2_500);
    expect(text(await once(world, create()))).toBe("control.stale");
    expect(text(await once(world, requestOf(world, { tool: "files-read", args: { path: "hello.txt" } })))).toContain(
      "hello",
    );
    world.beating = true;
    await expect.poll(async () => text(await once(world, create()))).toContain("Nr. 1");
  });
});

describe("a custom tool", () => {
  verifies("INJ-11", "does not load when its bytes are not the ones that were signed; others still run", async () => {
    const blind = requestOf(world, { tool: "blind-add", args: { file: join(world.dir, "blind.txt"), hang: "no" } });
    await appendFile(join(world.dir, "tools", "blind-line.mjs"), "\n// one comment more\n");
    await world.executor("line");
    expect(text(await until(world, blind, "line"))).toBe("refused tool.hash");
  });
  verifies("CRED-07", "does not start with a secret that others may read, and says what mends it", async () => {
    const secret = join(world.dir, "credentials", "line");
    await chmod(secret, 0o644);
    const child = await world.launch("line");
    const [code] = (await event(child, "exit")) as [number];
    await chmod(secret, 0o600);
    expect(code).toBe(1);
    expect(child.said()).toContain(`chmod 600 ${secret}`);
  });
  verifies(["CRED-01", "INJ-11"], "runs from the bundle that was signed; its secret never leaves", async () => {
    await world.executor("line");
    const file = join(world.dir, "lines.txt");
    const request = requestOf(world, { tool: "line-add", args: { file, unique: "a", hang: "no", secret: true } });
    const reply = text(await until(world, request, "line"));
    expect(reply).toContain("[credential]");
    expect(JSON.stringify([...world.contents.values(), world.entries])).not.toContain("hunter2");
    const again = requestOf(world, { tool: "line-add", args: { file, unique: "a", hang: "no" } });
    expect(text(await once(world, again, "line"))).toBe("refused dedup.conflict");
    expect((await readFile(file, "utf8")).trim()).toBe(request.action.callId);
  });
});
