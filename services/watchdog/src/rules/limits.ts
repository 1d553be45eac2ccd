import { limitsOf } from "@bulkhead/policy";
import type { Action, CumulativeLimit, JsonValue } from "@bulkhead/schemas";
import type { Watchdog } from "../port.ts";
import { holds, usedBefore } from "./account.ts";
import { type Accounts, take, takenOf } from "./accounts.ts";

/** What judging needs of a watchdog. */
export type Bench = Pick<Watchdog, "policy" | "rules" | "accounts" | "clock" | "log">;

/** One limit that a call counts for, as it stands before the call. */
export interface Standing {
  readonly name: string;
  readonly account: string;
  readonly limit: CumulativeLimit;
  readonly amount: number;
  /** What others have taken within the window. */
  readonly used: number;
  /** Whether the call would go beyond it. A call that has its place does not. */
  readonly over: boolean;
}

/** The accounts that a tool's calls are entered in. */
export function accountsOf({ policy }: Pick<Watchdog, "policy">, { tool, agent }: { tool: string; agent: string }) {
  const limits = policy.policy.watch?.limits ?? {};
  return limitsOf(tool, policy.policy).flatMap((name) => {
    const limit = limits[name];
    return limit === undefined ? [] : [{ name, limit, account: limit.per === "agent" ? `${name}.${agent}` : name }];
  });
}

/** How every limit of a call stands. Reads only. */
export async function standings(watchdog: Bench, action: Action, now: number): Promise<Standing[]> {
  const found = accountsOf(watchdog, action).map(async ({ name, limit, account }) => {
    const taken = await takenOf(watchdog.accounts, account);
    const amount = amountOf(limit, action);
    const used = usedBefore(taken, action.callId, now, limit.windowMs);
    return { name, account, limit, amount, used, over: used + amount > limit.max && !holds(taken, action.callId) };
  });
  return await Promise.all(found);
}

/** Takes a call's places, one limit after the other; gives the first limit in which there is none. */
export async function takeAll(
  accounts: Accounts,
  claims: readonly Standing[],
  call: { readonly callId: string; readonly at: number; readonly until?: number; readonly approved: boolean },
): Promise<Standing | undefined> {
  const { approved, ...own } = call;
  for (const standing of claims) {
    const { account, amount, limit } = standing;
    const cap = { max: limit.max, windowMs: limit.windowMs, forced: approved && limit.over === "ask" };
    if (!(await take(accounts, account, { ...own, amount }, cap))) return standing;
  }
  return undefined;
}

/** What cannot be added up is more than any limit allows. */
function amountOf({ sum, max }: CumulativeLimit, { args }: Action): number {
  if (sum === undefined) return 1;
  const value: JsonValue | undefined = Object.hasOwn(args, sum) ? args[sum] : undefined;
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : max + 1;
}
