import type { ChildProcess } from "node:child_process";
import { once as event } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DATABASES } from "@bulkhead/schemas";
import { afterAll, beforeAll, expect, it } from "vitest";
import { verifies } from "../verifies.ts";
import { once, requestOf, text, until } from "./ask.ts";
import { type ExecWorld, startExecWorld } from "./world.ts";

let world: ExecWorld;
beforeAll(async () => {
  world = await startExecWorld();
});
afterAll(async () => {
  await (world as ExecWorld | undefined)?.[Symbol.asyncDispose]();
});

let files = 0;
/** A file of its own for each test: one line an effect. */
async function counted(): Promise<{ file: string; lines: () => Promise<string[]> }> {
  const file = join(world.dir, `count-${++files}.txt`);
  await writeFile(file, "");
  return { file, lines: async () => (await readFile(file, "utf8")).split("\n").filter(Boolean) };
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = event(child, "exit");
  child.kill("SIGKILL");
  await gone;
}

async function stateOf(callId: string): Promise<string | undefined> {
  const store = await world.store("line");
  return (await store.collection(DATABASES.exec.claims).findOne({ _id: callId }))?.state;
}

const eventsOf = (callId: string) =>
  world.entries.filter((entry) => entry.callId === callId).map(({ event: name }) => name);

verifies(
  "S10",
  "killed in the adapter before its effect: the next replica finds that nothing happened, and does not do it either",
  async () => {
    const { file, lines } = await counted();
    const request = requestOf(world, { tool: "line-add", args: { file, unique: "1", hang: "before" } });
    const first = await world.executor("line");
    void once(world, request, "line");
    await expect.poll(() => stateOf(request.action.callId)).toBe("acting");
    await kill(first);
    const second = await world.executor("line");
    expect(text(await until(world, request, "line"))).toBe("failed call.failed");
    expect(await lines()).toEqual([]);
    expect(await stateOf(request.action.callId)).toBe("failed");
    await kill(second);
  },
);

verifies("S10", "killed in the adapter after its effect: the next replica finds it, and answers with it", async () => {
  const { file, lines } = await counted();
  const request = requestOf(world, { tool: "line-add", args: { file, unique: "2", hang: "after" } });
  const first = await world.executor("line");
  void once(world, request, "line");
  await expect.poll(lines).toHaveLength(1);
  await kill(first);
  const second = await world.executor("line");
  expect(text(await until(world, request, "line"))).toContain(request.action.callId);
  expect(await lines()).toHaveLength(1);
  await expect.poll(() => eventsOf(request.action.callId)).toEqual(["effect.intent", "effect.done"]);
  await kill(second);
});

verifies(
  ["DED-08", "S10"],
  "killed where nobody can be asked: the outcome is unknown, stays unknown, and is never tried again",
  async () => {
    const { file, lines } = await counted();
    const request = requestOf(world, { tool: "blind-add", args: { file, hang: "after" } });
    const first = await world.executor("line");
    void once(world, request, "line");
    await expect.poll(lines).toHaveLength(1);
    await kill(first);
    const second = await world.executor("line");
    expect(text(await until(world, request, "line"))).toBe("unknown outcome.unknown");
    expect(text(await until(world, request, "line"))).toBe("unknown outcome.unknown");
    expect(await lines()).toHaveLength(1);
    await expect.poll(() => eventsOf(request.action.callId)).toEqual(["effect.intent", "effect.unknown"]);
    await kill(second);
  },
);

verifies(
  "S10",
  "killed after the claim and before the adapter: another replica takes over, and it runs once",
  async () => {
    const { file, lines } = await counted();
    const request = requestOf(world, { tool: "line-add", args: { file, unique: "3", hang: "no" } });
    const { callId } = request.action;
    const first = await world.executor("line");
    await world.withoutAudit(async () => {
      void once(world, request, "line");
      await expect.poll(() => stateOf(callId)).toBe("claimed");
      await kill(first);
    });
    expect(await lines()).toEqual([]);
    const second = await world.executor("line");
    expect(text(await until(world, request, "line"))).toContain(callId);
    expect(await lines()).toHaveLength(1);
    await kill(second);
  },
);

verifies(["S1", "S10"], "killed before its outcome was recorded: the next replica records it", async () => {
  const { file, lines } = await counted();
  const request = requestOf(world, { tool: "line-add", args: { file, unique: "8", hang: "no" } });
  const { callId } = request.action;
  const first = await world.executor("line");
  await world.withoutAudit(async () => {
    void once(world, request, "line");
    await expect.poll(() => stateOf(callId), { timeout: 5_000 }).toBe("done");
    await kill(first);
  }, "effect.done");
  expect(eventsOf(callId)).toEqual(["effect.intent"]);
  const second = await world.executor("line");
  expect(text(await until(world, request, "line"))).toContain(callId);
  await expect.poll(() => eventsOf(callId), { timeout: 25_000 }).toEqual(["effect.intent", "effect.done"]);
  const entry = world.entries.find((one) => one.callId === callId && one.event === "effect.done");
  const { task, tool } = request.action;
  expect(entry).toMatchObject({ task, tool, content: expect.stringMatching(/./) as string });
  expect(await lines()).toHaveLength(1);
  await kill(second);
});

verifies("S10", "killed after the outcome: the recorded one is the answer, from another replica too", async () => {
  const { file, lines } = await counted();
  const request = requestOf(world, { tool: "line-add", args: { file, unique: "4", hang: "no" } });
  const first = await world.executor("line");
  const answer = text(await until(world, request, "line"));
  await kill(first);
  const second = await world.executor("line");
  expect(text(await until(world, request, "line"))).toBe(answer);
  expect(await lines()).toHaveLength(1);
  await kill(second);
});

verifies(["DED-02", "PROP-04"], "two replicas, asked at once and again: one effect", async () => {
  const { file, lines } = await counted();
  const request = requestOf(world, { tool: "line-add", args: { file, unique: "5", hang: "no" } });
  const replicas = await Promise.all([world.executor("line"), world.executor("line")]);
  const replies = await Promise.all(Array.from({ length: 50 }, () => until(world, request, "line")));
  expect(new Set(replies.map(text)).size).toBe(1);
  expect(await lines()).toHaveLength(1);
  await Promise.all(replicas.map(kill));
});

it("a tool that never answers ends at its deadline, and what it did is found out", async () => {
  const { file, lines } = await counted();
  const child = await world.executor("line");
  const after = requestOf(world, { tool: "line-add", args: { file, unique: "6", hang: "after" } });
  expect(text(await until(world, after, "line"))).toContain(after.action.callId);
  const before = requestOf(world, { tool: "line-add", args: { file, unique: "7", hang: "before" } });
  expect(text(await until(world, before, "line"))).toBe("unknown outcome.unknown");
  expect(await lines()).toHaveLength(1);
  await kill(child);
});
