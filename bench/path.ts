/** From a person's word to the effect, with every audit entry before it committed, beside bare operations in the same run. */
import { newId } from "@bulkhead/core";
import type { AuditEntry, ProposalView } from "@bulkhead/schemas";
import { startRuntime, type TestRuntime } from "../test/harness/runtime.ts";
import { database } from "./bare.ts";
import { clockMs, DESK, type Desk, openDesk, persistently } from "./desk.ts";
import { quantile, round } from "./measure.ts";

const WAITING = [1, 32, 256] as const;
/** Rounds of one proposal alone, after some that leave compiled code everywhere. */
const [ALONE, WARM_UP] = [40, 10];
const PATIENCE_MS = 45_000;
const BARE = { operations: 150, durationMs: 6_000 };

interface Latencies {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

interface Round {
  readonly opening: readonly number[];
  readonly toEffect: readonly number[];
  readonly perSecond: number;
  readonly calls: readonly ProposalView[];
  /** What became of those without an effect within the time: state and code, and how many. */
  readonly without: Readonly<Record<string, number>>;
}

/** Measures the approved path. */
export async function measurePath(say: (line: string) => void) {
  await using rt = await startRuntime(DESK);
  await using stack = new AsyncDisposableStack();
  const desk = await openDesk(rt);
  await repeat(desk, WARM_UP);
  say("bare operations");
  const bare = await bareFigures(rt, stack);
  const [first, ...more] = WAITING;
  say(`${first} waiting, ${ALONE} times`);
  const alone = await repeat(desk, ALONE);
  const waiting: Record<string, object> = { [first]: figures(alone) };
  for (const count of more) {
    say(`${count} waiting`);
    waiting[count] = figures(await together(desk, count));
  }
  const { p50Ms, p99Ms } = latencies(alone.toEffect);
  const ratios = {
    ratioP50: round(p50Ms / bare.threeUpdates.p50Ms),
    ratioP50ToPublish: round(p50Ms / bare.publish.p50Ms),
  };
  const perSecond = Math.max(...Object.values(waiting).map((each) => (each as { perSecond: number }).perSecond));
  const whereTheTimeGoes = await stages(rt, alone.calls.slice(-20));
  return {
    approve: { p50Ms, p99Ms, perSecond, ...ratios, waiting, bare, whereTheTimeGoes },
    database: rt.constellation.database,
  };
}

async function repeat(desk: Desk, times: number): Promise<Round> {
  const rounds: Round[] = [];
  for (let i = 0; i < times; i++) rounds.push(await together(desk, 1));
  const toEffect = rounds.flatMap((each) => each.toEffect);
  const busyMs = toEffect.reduce((sum, each) => sum + each, 0);
  return {
    opening: rounds.flatMap(({ opening }) => opening),
    toEffect,
    perSecond: (toEffect.length / busyMs) * 1_000,
    calls: rounds.flatMap(({ calls }) => calls),
    without: Object.assign({}, ...rounds.map(({ without }) => without)) as Round["without"],
  };
}

/** So many wait; then a person approves them all at once. */
async function together(desk: Desk, count: number): Promise<Round> {
  const [calls, opening] = [new Array<ProposalView>(), new Array<number>()];
  let left = count;
  const host = async (): Promise<void> => {
    while (left-- > 0) {
      const before = clockMs();
      calls.push(await desk.open());
      opening.push(clockMs() - before);
    }
  };
  await Promise.all(Array.from({ length: Math.min(8, count) }, host));
  const begun = clockMs();
  const said = await Promise.all(
    calls.map(async (call) => {
      const at = clockMs();
      await desk.approve(call);
      return [call.action.callId, at] as const;
    }),
  );
  await desk.stamped(
    said.map(([callId]) => callId),
    PATIENCE_MS,
  );
  const stamps = desk.stamps();
  const ends = said.flatMap(
    ([callId, at]) =>
      stamps
        .get(callId)
        ?.slice(0, 1)
        .map((end) => [end, end - at] as const) ?? [],
  );
  const lastMs = Math.max(...ends.map(([end]) => end)) - begun;
  const without = await desk.states(calls.filter(({ action }) => !stamps.has(action.callId)));
  return { opening, toEffect: ends.map(([, ms]) => ms), perSecond: (ends.length / lastMs) * 1_000, calls, without };
}

const figures = ({ opening, toEffect, perSecond, without }: Round) => ({
  ...latencies(toEffect),
  ran: toEffect.length,
  ...(Object.keys(without).length > 0 && { without }),
  perSecond: round(perSecond),
  openP50Ms: latencies(opening).p50Ms,
});

function latencies(values: readonly number[]): Latencies {
  const sorted = values.toSorted((a, b) => a - b);
  return { p50Ms: round(quantile(sorted, 0.5)), p99Ms: round(quantile(sorted, 0.99)) };
}

/** A publish into a file stream with its acknowledgement, and three journaled updates one after the other. */
async function bareFigures(rt: TestRuntime, stack: AsyncDisposableStack) {
  const labels = (await rt.as("tasks")).bucket("labels");
  const records = (await database(rt, stack)).collection<{ _id: string }>("records");
  const _id = newId("r");
  const state = {
    kind: "invoice",
    state: "open",
    fields: {},
    version: 1,
    by: "t-bench.0.0",
    createdAt: 1,
    updatedAt: 1,
  };
  await records.insertOne({ _id, ...state });
  let count = 1;
  const update = (): Promise<unknown> => records.updateOne({ _id }, { $set: { updatedAt: ++count } });
  return {
    publish: await bare(() => labels.put(`${newId("t")}.A`, Buffer.from("{}"), 0)),
    threeUpdates: await bare(async () => {
      for (let i = 0; i < 3; i++) await update();
    }),
  };
}

async function bare(operation: () => Promise<unknown>): Promise<Latencies> {
  const values: number[] = [];
  const deadline = performance.now() + BARE.durationMs;
  for (let i = 0; i < BARE.operations && performance.now() < deadline; i++) {
    const before = performance.now();
    await operation();
    if (i >= WARM_UP) values.push(performance.now() - before);
  }
  return latencies(values);
}

/** The stages in their order, each with the audit entry that ends it. */
const STAGES: readonly AuditEntry["event"][] = [
  ...(["proposal.opened", "proposal.approved", "call.decided", "review.signed"] as const),
  ...(["effect.intent", "effect.done", "proposal.settled"] as const),
];

/** Mean ms from one audit entry to the next in time, under the name of the later one. Entries have whole ms. */
async function stages(rt: TestRuntime, calls: readonly ProposalView[]): Promise<Record<string, number>> {
  const sums = new Map<string, number[]>();
  for (const { action, id } of calls) {
    const entries = await persistently(async () => {
      const found = await rt.entries(action.task);
      return found.some(({ event, proposal }) => event === "proposal.settled" && proposal === id) ? found : undefined;
    });
    const approvedAt = entries.find(({ event }) => event === "proposal.approved")?.at ?? 0;
    const later = entries
      .filter(({ event, at }) => STAGES.includes(event) && at >= approvedAt)
      .sort((a, b) => a.at - b.at);
    for (const [i, { event, at }] of later.entries()) {
      const before = later[i - 1]?.at;
      if (before !== undefined) sums.set(event, [...(sums.get(event) ?? []), at - before]);
    }
  }
  return Object.fromEntries(
    [...sums].map(([name, all]) => [`${name}Ms`, round(all.reduce((a, b) => a + b) / all.length)]),
  );
}
