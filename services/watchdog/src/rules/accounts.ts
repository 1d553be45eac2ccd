/**
 * Owns: what every cumulative limit has taken, one document a limit (and agent), shared by all replicas.
 * Does not own: whether a call may run (`judge`).
 * Invariants: TIER-06, S7: a change is one conditional update that names the version it was made from, so of two replicas one
 * passes and the other looks again; a call id has one place, however often it is asked; nothing is given back unless the call surely never ran.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { BulkheadError } from "@bulkhead/core";
import type { AccountDocument } from "@bulkhead/schemas";
import type { CollectionPort } from "@bulkhead/store";
import { type Cap, type Claim, dropUnused, enter, markRan } from "./account.ts";

/** The collection of accounts. */
export type Accounts = CollectionPort<AccountDocument>;

type Taken = AccountDocument["taken"];

const ATTEMPTS = 60;
const PAUSE_MS = 4;

/** What an account has taken; nothing if nobody has opened it. */
export async function takenOf(accounts: Accounts, id: string): Promise<Taken> {
  return (await accounts.findOne({ _id: id }))?.taken ?? [];
}

/** Enters a claim, and tells whether it has its place. @throws BulkheadError `store.unavailable` if others were always faster */
export async function take(accounts: Accounts, id: string, claim: Claim, cap: Cap): Promise<boolean> {
  let fits = false;
  await change(accounts, id, (taken) => {
    const entered = enter(taken, claim, cap);
    fits = entered.kind !== "over";
    return entered.kind === "entered" ? entered.taken : undefined;
  });
  return fits;
}

/** Remembers that a call ran. */
export async function ran(accounts: Accounts, id: string, callId: string): Promise<void> {
  await change(accounts, id, (taken) => markRan(taken, callId));
}

/** Gives back what calls have taken that surely never ran, where every intent before `seen` (epoch ms) is known. */
export async function giveBack(accounts: Accounts, seen: number): Promise<void> {
  for (const { _id } of await accounts.find({})) await change(accounts, _id, (taken) => dropUnused(taken, seen));
}

async function change(accounts: Accounts, id: string, next: (taken: Taken) => Taken | undefined): Promise<void> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const before = await accounts.findOne({ _id: id });
    const taken = next(before?.taken ?? []);
    if (taken === undefined || (await write(accounts, id, before, taken))) return;
    await sleep(PAUSE_MS * attempt * Math.random());
  }
  throw new BulkheadError("store.unavailable", "(too many calls at once under one limit)");
}

async function write(
  accounts: Accounts,
  id: string,
  before: AccountDocument | undefined,
  taken: Taken,
): Promise<boolean> {
  if (before === undefined) return (await accounts.insert({ _id: id, version: 1, taken })).ok;
  const { version } = before;
  return await accounts.compareAndSet({ _id: id, version }, { set: { taken, version: version + 1 } });
}
