import type { Bus } from "@bulkhead/bus";
import { type AuditEntry, type BodyOf, DATABASES, type NextReply, type TaskDocument } from "@bulkhead/schemas";
import { type CollectionPort, connectStore, type Store } from "@bulkhead/store";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Constellation, type RunningService, startConstellation } from "../harness/constellation.ts";
import { eventually } from "../harness/eventually.ts";
import { type Wire, wireTo } from "../tools/slow-wire.ts";
import { verifies } from "../verifies.ts";

type Work = NonNullable<NextReply["work"]>;

let world: Constellation;
let wire: Wire;
let store: Store;
let tasks: CollectionPort<TaskDocument>;
let [ana, inbox] = [] as unknown as [Bus, Bus];
const audit: AuditEntry[] = [];

beforeAll(async () => {
  world = await startConstellation({
    identities: ["tasks", "memory", "ledger", "proposals", "host-inbox", "exec-local", "operator-ana"],
  });
  wire = await wireTo(world.busUrl);
  const { mongo } = world.keys.get("tasks") ?? {};
  if (mongo === undefined) throw new Error("tasks has no database user");
  store = await connectStore({ url: world.database.url, db: "bh_tasks", ...mongo });
  tasks = store.collection(DATABASES.tasks.tasks);
  await world.start("memory");
  [ana, inbox] = [await world.bus("operator-ana"), await world.bus("host-inbox")];
  (await world.bus("ledger")).consume("audit", async (message) => {
    audit.push(message.open().body);
    return Promise.resolve();
  });
}, 60_000);
afterAll(async () => {
  await store[Symbol.asyncDispose]();
  await wire[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

const startTasks = (): Promise<RunningService> =>
  world.start("tasks", { leaseMs: 60_000, maxAttempts: 1, nats: { url: wire.url } });

async function submit(id: string): Promise<void> {
  const submission: BodyOf<"submit"> = { id, title: "A task", text: "Do it.", agent: "inbox" };
  await ana.publish("submit", submission, { values: { agent: "inbox" } });
}

async function take(): Promise<Work> {
  return await eventually(async () => {
    const { work } = await inbox.request("next", { agent: "inbox", host: "h1", waitMs: 500 });
    return work ?? undefined;
  });
}

const eventsOf = (task: string) =>
  audit.filter((entry) => entry.task === task && entry.event.startsWith("task.")).map(({ event }) => event);

/** What the bus is told from this word on never arrives; the process is killed once its database has the state. */
async function killedIn(
  task: string,
  state: string,
  word: string,
  service: RunningService,
  work: () => Promise<unknown>,
) {
  wire.swallow = word;
  work().catch(() => undefined);
  await expect.poll(async () => (await tasks.findOne({ _id: task }))?.state, { timeout: 10_000 }).toBe(state);
  await service.kill();
  wire.swallow = undefined;
}

verifies(
  ["S1", "S10"],
  "killed between a task's move and its record: another replica records the move",
  async () => {
    const first = await startTasks();
    await submit("t-window");
    await expect.poll(() => eventsOf("t-window")).toEqual(["task.admitted"]);
    await killedIn("t-window", "running", "task.dispatched", first, () =>
      inbox.request("next", { agent: "inbox", host: "h1", waitMs: 100 }),
    );
    expect(eventsOf("t-window")).toEqual(["task.admitted"]);
    const second = await startTasks();
    await expect.poll(() => eventsOf("t-window"), { timeout: 40_000 }).toEqual(["task.admitted", "task.dispatched"]);
    const entry = audit.find(({ event, task }) => event === "task.dispatched" && task === "t-window");
    expect(entry).toMatchObject({ agent: "inbox", state: "running", count: 1, causes: ["task:t-window"] });
    await expect
      .poll(async () => (await tasks.findOne({ _id: "t-window" }))?.unrecorded, { timeout: 10_000 })
      .toBe(undefined);
    await second.kill();
  },
  90_000,
);

verifies(
  "S10",
  "killed before a lost task's letter was written: another replica writes it, and records the loss",
  async () => {
    const first = await startTasks();
    await submit("t-letter");
    const { lease } = await take();
    await killedIn("t-letter", "failed", "bh.dead.", first, () =>
      inbox.request("finish", { lease, outcome: "failed", code: "model.refused" }),
    );
    const second = await startTasks();
    const letter = await eventually(async () => {
      const reply = await ana.request("queryTasks", { kind: "tasks.dead", limit: 10 });
      return reply.kind === "tasks.dead" ? reply.dead.find(({ task }) => task === "t-letter") : undefined;
    }, 40_000);
    expect(letter.code).toBe("model.refused");
    await expect.poll(() => eventsOf("t-letter")).toEqual(["task.admitted", "task.dispatched", "task.failed"]);
    await second.kill();
  },
  90_000,
);

test("what is recorded is no longer named, and is recorded once, by whichever replica it was moved", async () => {
  const replicas = await Promise.all([startTasks(), startTasks()]);
  await submit("t-both");
  const { lease } = await take();
  await inbox.request("finish", { lease, outcome: "done" });
  await expect
    .poll(async () => (await tasks.findOne({ _id: "t-both" }))?.unrecordedAt, { timeout: 20_000, interval: 500 })
    .toBe(undefined);
  expect(eventsOf("t-both")).toEqual(["task.admitted", "task.dispatched", "task.finished"]);
  await Promise.all(replicas.map((one) => one.kill()));
});
