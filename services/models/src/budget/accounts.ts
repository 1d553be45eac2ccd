/**
 * Owns: the day's accounts (UTC) of every agent and of the organisation: reserving before a call, settling after it.
 * Does not own: what a call costs, which calls there are (`call/`), who is told (`project.ts`).
 * Invariants: S7: `held` = settled + reserved, and grows only by one conditional update that keeps it within the cap, over all
 * replicas; nothing is read first and written later. A reservation is taken before the call is written down and given back
 * after, so a crash in between can only leave too much held (COST-05). An account that cannot be read refuses (COST-09).
 */
import { BulkheadError } from "@bulkhead/core";
import type { BudgetDocument, Policy } from "@bulkhead/schemas";
import { type CollectionPort, lte } from "@bulkhead/store";

export interface Accounts {
  /** Reserves in the agent's and the organisation's account, or in none. @throws BulkheadError `budget.exhausted` */
  reserve(day: string, agent: string, micros: number): Promise<void>;
  /** Replaces a reservation by what was spent: 0 only if surely nothing was. */
  settle(day: string, agent: string, amounts: Amounts): Promise<void>;
  /** An account as it stands; without an agent, the organisation's. */
  read(day: string, agent?: string): Promise<BudgetDocument>;
  ofDay(day: string): Promise<BudgetDocument[]>;
}

export interface Amounts {
  readonly reserved: number;
  readonly spent: number;
}

interface Account {
  readonly day: string;
  readonly agent?: string;
  readonly capMicros: number;
}

const MAX_ACCOUNTS = 10_000;

export function accounts(budgets: CollectionPort<BudgetDocument>, policy: Policy): Accounts {
  const own = (day: string, agent: string): Account => ({
    day,
    agent,
    capMicros: policy.agents[agent]?.dailyMicros ?? 0,
  });
  const whole = (day: string): Account => ({ day, capMicros: policy.dailyMicros });
  return {
    reserve: async (day, agent, micros) => {
      await hold(budgets, own(day, agent), micros);
      try {
        await hold(budgets, whole(day), micros);
      } catch (error) {
        await release(budgets, own(day, agent), { reserved: micros, spent: 0 });
        throw error;
      }
    },
    settle: async (day, agent, amounts) => {
      await release(budgets, own(day, agent), amounts);
      await release(budgets, whole(day), amounts);
    },
    read: (day, agent) => opened(budgets, agent === undefined ? whole(day) : own(day, agent)),
    ofDay: (day) => budgets.find({ day }, { limit: MAX_ACCOUNTS }),
  };
}

async function hold(budgets: CollectionPort<BudgetDocument>, account: Account, micros: number): Promise<void> {
  const { capMicros } = account;
  const room = { _id: idOf(account), heldMicros: lte(capMicros - micros) };
  const changes = { set: { capMicros }, inc: { heldMicros: micros, calls: 1 } };
  if (await budgets.compareAndSet(room, changes)) return;
  const { heldMicros } = await opened(budgets, account);
  if (heldMicros + micros <= capMicros && (await budgets.compareAndSet(room, changes))) return;
  throw new BulkheadError("budget.exhausted", `(${account.agent ?? "organisation"}, per day)`);
}

async function release(
  budgets: CollectionPort<BudgetDocument>,
  account: Account,
  { reserved, spent }: Amounts,
): Promise<void> {
  const inc = { heldMicros: spent - reserved, spentMicros: spent };
  if (!(await budgets.compareAndSet({ _id: idOf(account) }, { inc })))
    throw new BulkheadError("store.document", "(an account is missing)");
}

async function opened(budgets: CollectionPort<BudgetDocument>, account: Account): Promise<BudgetDocument> {
  const _id = idOf(account);
  const found = await budgets.findOne({ _id });
  if (found !== undefined) return { ...found, capMicros: account.capMicros };
  const fresh = { _id, ...account, spentMicros: 0, heldMicros: 0, calls: 0 };
  return (await budgets.insert(fresh)).ok ? fresh : opened(budgets, account);
}

function idOf({ day, agent }: Account): string {
  return agent === undefined ? day : `${day}.${agent}`;
}
