/** kill -9 of each service in turn, every two seconds, while a host asks and a person approves: what is lost, twice, unknown. */
import { setTimeout as sleep } from "node:timers/promises";
import type { ProposalState, ProposalView } from "@bulkhead/schemas";
import { startRuntime, type TestRuntime } from "../test/harness/runtime.ts";
import { clockMs, type Desk, openDesk, persistently } from "./desk.ts";
import { quantile, round } from "./measure.ts";
import { DESK } from "./stamps.ts";

const EVERY_MS = 2_000;
const HOSTS = 4;
const SETTLE_MS = 40_000;
/** States that say what became of an approved call. */
const ENDED: readonly ProposalState[] = ["executed", "failed", "unknown"];

interface Asked {
  readonly askedAt: number;
  readonly proposal: ProposalView;
}

interface Kill {
  readonly name: string;
  readonly at: number;
}

/** Kills for so long, and then counts. */
export async function measureRecovery(say: (line: string) => void, seconds: number) {
  await using rt = await startRuntime(DESK);
  const desk = await openDesk(rt);
  const until = AbortSignal.timeout(seconds * 1_000);
  const asked: Asked[] = [];
  const load = Promise.all(Array.from({ length: HOSTS }, () => work(desk, asked, until)));
  const [kills] = await Promise.all([killing(rt, until), load]);
  say(`${kills.length} kills, ${asked.length} approved; waiting for their ends`);
  const ends = await settled(rt, asked);
  const times = recoveries(kills, asked, desk).toSorted((a, b) => a.ms - b.ms);
  const all = times.map(({ ms }) => ms);
  return {
    recovery: {
      ...{ p99Ms: round(quantile(all, 0.99)), p50Ms: round(quantile(all, 0.5)) },
      ...count(asked, ends, desk),
      ...{ approved: asked.length, kills: kills.length, killsWithoutLater: kills.length - all.length },
      slowest: times.slice(-3).map(({ name, ms }) => ({ name, ms: round(ms) })),
    },
    database: rt.constellation.database,
  };
}

/** Each approval is said until the bus has it, as a person does who sees an error. */
async function work(desk: Desk, asked: Asked[], until: AbortSignal): Promise<void> {
  while (!until.aborted) {
    const askedAt = clockMs();
    const proposal = await desk.open(until).catch(() => undefined);
    if (proposal === undefined) continue;
    await persistently(() => desk.approve(proposal).then(() => true));
    asked.push({ askedAt, proposal });
  }
}

async function killing(rt: TestRuntime, until: AbortSignal): Promise<Kill[]> {
  const kills: Kill[] = [];
  const { services } = rt.constellation;
  for (let i = 0; await waited(until); i++) {
    const service = services[i % services.length];
    const pid = service?.pid();
    if (service === undefined || pid === undefined) continue;
    try {
      process.kill(pid, "SIGKILL");
      kills.push({ name: service.name, at: clockMs() });
    } catch {
      // It is being started again.
    }
  }
  return kills;
}

const waited = (until: AbortSignal): Promise<boolean> => sleep(EVERY_MS, true, { signal: until }).catch(() => false);

/** From a kill to the first effect of a call that was asked for after it. */
function recoveries(kills: readonly Kill[], asked: readonly Asked[], desk: Desk) {
  const stamps = desk.stamps();
  return kills.flatMap(({ name, at }) => {
    const later = asked
      .filter(({ askedAt }) => askedAt >= at)
      .flatMap(({ proposal }) => stamps.get(proposal.action.callId) ?? []);
    return later.length === 0 ? [] : [{ name, ms: Math.min(...later) - at }];
  });
}

/** The state in which each proposal is when all have ended, or the time is over. */
async function settled(rt: TestRuntime, asked: readonly Asked[]): Promise<ReadonlyMap<string, ProposalState>> {
  const states = new Map<string, ProposalState>();
  const deadline = performance.now() + SETTLE_MS;
  for (const { proposal } of asked) {
    do {
      const show = () => rt.ana.ask({ kind: "proposals.show", proposal: proposal.id });
      const found = await show().catch(() => undefined);
      if (found) states.set(proposal.id, found.proposal.state);
      if (ENDED.includes(states.get(proposal.id) ?? "pending")) break;
      await sleep(100);
    } while (performance.now() < deadline);
  }
  return states;
}

/** Lost: approved, and neither done nor said to be undone or unknown; or said to be done, and it is not. */
function count(asked: readonly Asked[], ends: ReadonlyMap<string, ProposalState>, desk: Desk) {
  const stamps = desk.stamps();
  const rows = asked.map(({ proposal }) => ({
    state: ends.get(proposal.id) ?? "pending",
    times: stamps.get(proposal.action.callId)?.length ?? 0,
  }));
  const lost = rows.filter(({ state, times }) => !ENDED.includes(state) || (state === "executed" && times === 0));
  const of = (wanted: ProposalState): number => rows.filter(({ state }) => state === wanted).length;
  const twice = [...stamps.values()].filter((times) => times.length > 1).length;
  return { lost: lost.length, twice, unknown: of("unknown"), failed: of("failed") };
}
