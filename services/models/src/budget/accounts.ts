/**
 * Owns: the day's accounts (UTC) of every agent and of the organisation.
 * Does not own: what a call costs (packages/llm), what follows from an empty account (the caller, `decide`).
 * Invariants: S7: `held` = settled + what is reserved, and grows only by a conditional update that keeps it within the cap,
 * over all replicas; it shrinks only by what surely was not spent. Nothing is ever read first and written later.
 */
import { BulkheadError, type Clock } from "@bulkhead/core";
import type { BudgetDocument, Policy } from "@bulkhead/schemas";
import { type CollectionPort, lte } from "@bulkhead/store";

export interface Accounts {
  /** Opens today's accounts and shows them. */
  open(): Promise<void>;
  /** Reserves in the agent's and the organisation's account of today, or in none. @returns the day. @throws BulkheadError `budget.exhausted` */
  reserve(agent: string, micros: number): Promise<string>;
  /** Replaces a reservation by what was spent: 0 only if surely nothing was. */
  settle(agent: string, day: string, reservedMicros: number, spentMicros: number): Promise<void>;
  of(day: string): Promise<BudgetDocument[]>;
}

export interface AccountsPort {
  readonly budgets: CollectionPort<BudgetDocument>;
  readonly policy: Policy;
  readonly clock: Clock;
  /** Told an agent's account after each change, the organisation's beside it. */
  changed(agent: BudgetDocument, all: BudgetDocument | undefined): void;
}

export function dayOf(now: number): string {
  return new Date(now).toISOString().slice(0, 10);
}

export function accounts({ budgets, policy, clock, changed }: AccountsPort): Accounts {
  const opened = new Set<string>();
  const open = async (day: string, agent?: string): Promise<string> => {
    const _id = agent === undefined ? day : `${day}.${agent}`;
    if (opened.has(_id)) return _id;
    const capMicros = agent === undefined ? policy.dailyMicros : (policy.agents[agent]?.dailyMicros ?? 0);
    await budgets.insert({
      _id,
      day,
      ...(agent !== undefined && { agent }),
      capMicros,
      heldMicros: 0,
      spentMicros: 0,
      calls: 0,
    });
    await budgets.compareAndSet({ _id }, { set: { capMicros } });
    opened.add(_id);
    return _id;
  };
  const hold = async (_id: string, capMicros: number, micros: number): Promise<boolean> =>
    budgets.compareAndSet({ _id, heldMicros: lte(capMicros - micros) }, { inc: { heldMicros: micros, calls: 1 } });
  const release = async (_id: string, reserved: number, spent: number): Promise<void> => {
    await budgets.compareAndSet({ _id }, { inc: { heldMicros: spent - reserved, spentMicros: spent } });
  };
  const show = async (day: string, agent: string): Promise<void> => {
    const [own, all] = await Promise.all([budgets.findOne({ _id: `${day}.${agent}` }), budgets.findOne({ _id: day })]);
    if (own !== undefined) changed(own, all);
  };
  return {
    open: async () => {
      const day = dayOf(clock.now());
      await open(day);
      for (const agent of Object.keys(policy.agents)) {
        await open(day, agent);
        await show(day, agent);
      }
    },
    reserve: async (agent, micros) => {
      const day = dayOf(clock.now());
      const [all, own] = [await open(day), await open(day, agent)];
      if (!(await hold(own, policy.agents[agent]?.dailyMicros ?? 0, micros))) return await refuse(day, agent, show);
      if (await hold(all, policy.dailyMicros, micros)) return day;
      await release(own, micros, 0);
      return await refuse(day, agent, show);
    },
    settle: async (agent, day, reserved, spent) => {
      await Promise.all([release(`${day}.${agent}`, reserved, spent), release(day, reserved, spent)]);
      await show(day, agent);
    },
    of: (day) => budgets.find({ day }),
  };
}

async function refuse(day: string, agent: string, show: (day: string, agent: string) => Promise<void>): Promise<never> {
  await show(day, agent);
  throw new BulkheadError("budget.exhausted");
}
