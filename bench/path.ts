/** From a person's word to the effect, with every audit entry before it committed, beside bare operations in the same run. */
import type { ProposalView } from "@bulkhead/schemas";
import { startRuntime } from "../test/harness/runtime.ts";
import { bareFigures } from "./bare-path.ts";
import { clockMs, type Desk, openDesk } from "./desk.ts";
import { latencies, round } from "./measure.ts";
import { type Approved, stages } from "./stages.ts";
import { DESK } from "./stamps.ts";

const WAITING = [1, 32, 256] as const;
/** Rounds of one proposal alone, after some that leave compiled code everywhere. */
const [ALONE, WARM_UP] = [40, 10];
const PATIENCE_MS = 45_000;

interface Round {
  readonly opening: readonly number[];
  readonly toEffect: readonly number[];
  readonly perSecond: number;
  readonly calls: readonly Approved[];
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
  const approved = calls.map((proposal) => ({ proposal, saidAt: Date.now() }));
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
  return {
    opening,
    toEffect: ends.map(([, ms]) => ms),
    perSecond: (ends.length / lastMs) * 1_000,
    calls: approved,
    without,
  };
}

const figures = ({ opening, toEffect, perSecond, without }: Round) => ({
  ...latencies(toEffect),
  ran: toEffect.length,
  ...(Object.keys(without).length > 0 && { without }),
  perSecond: round(perSecond),
  openP50Ms: latencies(opening).p50Ms,
});
