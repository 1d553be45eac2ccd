/** How late windows are that all close at one moment: from the stored time to the executor being asked. */
import { delimiter, dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { newId } from "@bulkhead/core";
import { DATABASES } from "@bulkhead/schemas";
import { resolveGround } from "bulkhead";
import { startWorld, type World } from "../test/decisions/world.ts";
import { proposalStore } from "../test/gauntlet/play.ts";
import { persistently } from "./desk.ts";
import { quantile, round } from "./measure.ts";

const TOOL = "later-hold";
/** All open within the first window; then all are told one time to close, a whole window later. */
const WINDOW_MS = 32_000;
const OPENING_MS = 20_000;
const MARGIN_MS = 2_000;
const PATIENCE_MS = 60_000;

/** Holds so many calls, or as many as are opened in time, and lets them close at once. */
export async function measureTimers(say: (line: string) => void, windows: number) {
  const database = await serversOnPath();
  await using world = await startWorld({
    approval: { timeoutMs: 3_600_000, onTimeout: "deny", maxPendingPerAgent: 10_000 },
  });
  await restartWithWindow(world);
  const opened = await openAll(world, windows);
  say(`${opened.size} windows are open`);
  const dueAt = Date.now() + WINDOW_MS + MARGIN_MS;
  await closeAt(world, [...opened.values()], dueAt);
  say(`they close in ${dueAt - Date.now()} ms`);
  const late = (await arrivals(world, opened, dueAt)).toSorted((a, b) => a - b);
  const ran = { ran: late.length, early: late.filter((ms) => ms < 0).length };
  return {
    timers: { maxLateMs: late.at(-1) ?? null, p50LateMs: round(quantile(late, 0.5)), count: opened.size, ...ran },
    database,
  };
}

/** Programs that the tests start are found on PATH. */
async function serversOnPath(): Promise<string> {
  const { nats, database } = await resolveGround();
  const folders = [nats, database].flatMap((found) => (found.kind === "url" ? [] : [dirname(found.program)]));
  process.env["PATH"] = [...folders, process.env["PATH"]].join(delimiter);
  if (database.kind !== "url") process.env["BULKHEAD_DB_BIN"] = database.program;
  return `${database.kind} (${database.from})`;
}

/** The tests' windows are shorter than it takes to open so many. */
async function restartWithWindow({ constellation, services }: World): Promise<void> {
  const { inbox } = constellation.policy.agents;
  if (inbox === undefined) throw new Error("no inbox");
  const tools = { ...inbox.tools, [TOOL]: { tier: "PROPOSE" as const, windowMs: WINDOW_MS } };
  await constellation.resign({ agents: { inbox: { ...inbox, tools } } });
  await Promise.all(Object.values(services).map((service) => service.kill()));
  await Promise.all(Object.keys(services).map((name) => constellation.start(name)));
}

/** Proposals by the task that asked. A call that got no answer is asked again, as a host does. */
async function openAll(world: World, windows: number): Promise<ReadonlyMap<string, string>> {
  const opened = new Map<string, string>();
  const deadline = AbortSignal.timeout(OPENING_MS);
  let left = windows;
  const host = async (): Promise<void> => {
    while (left-- > 0 && !deadline.aborted) {
      const task = newId("t");
      const ask = async () => {
        const reply = await world.ask(TOOL, { task, args: { text: task } });
        return reply.status === "pending" ? reply.proposal : undefined;
      };
      const id = await persistently(ask, deadline).catch(() => undefined);
      if (id !== undefined) opened.set(task, id);
    }
  };
  await Promise.all(Array.from({ length: 16 }, host));
  return opened;
}

/** What a postponement does: the stored time moves, and the timer with it. */
async function closeAt(world: World, ids: readonly string[], dueAt: number): Promise<void> {
  await using store = await proposalStore(world);
  await using proposals = await world.constellation.bus("proposals");
  const documents = store.collection(DATABASES.proposals.proposals);
  const queue = [...ids];
  const move = async (): Promise<void> => {
    for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
      await documents.compareAndSet({ _id: id, state: "holding" }, { set: { dueAt } });
      await proposals.publish("timer", { id }, { values: { timer: id }, dueAt });
    }
  };
  await Promise.all(Array.from({ length: 16 }, move));
}

/** How much later than `dueAt` each arrived (ms, ± 2). */
async function arrivals({ executed }: World, opened: ReadonlyMap<string, string>, dueAt: number): Promise<number[]> {
  const late: number[] = [];
  while (late.length < opened.size && Date.now() < dueAt + PATIENCE_MS) {
    const held = executed.filter(({ action }) => opened.has(action.task)).length;
    while (late.length < held) late.push(Date.now() - dueAt);
    await sleep(2);
  }
  return late;
}
