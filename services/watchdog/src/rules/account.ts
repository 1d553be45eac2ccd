import type { AccountDocument } from "@bulkhead/schemas";

/** What one call takes from a limit. */
export interface Claim {
  readonly callId: string;
  readonly amount: number;
  readonly at: number;
  /** When the signature that it is for is void. Without it, what is taken stays for its whole window. */
  readonly until?: number;
}

/** A limit, as an account knows it. `forced`: a person has approved the call, so that it counts beyond the limit. */
export interface Cap {
  readonly max: number;
  readonly windowMs: number;
  readonly forced: boolean;
}

type Taken = AccountDocument["taken"][number];

/** What came of a claim: it stands as it is, it is entered, or it does not fit. */
export type Entered =
  | { readonly kind: "known" | "over" }
  | { readonly kind: "entered"; readonly taken: AccountDocument["taken"] };

/** A call that has no place beyond this many within one window: whoever makes so many is asked. */
const MAX_ENTRIES = 10_000;

/** What calls other than this one have taken within the window that ends now. */
export function usedBefore(taken: readonly Taken[], callId: string, now: number, windowMs: number): number {
  const counted = within(taken, now, windowMs).filter((one) => one.callId !== callId);
  return counted.reduce((sum, { amount }) => sum + amount, 0);
}

/** Whether a call has its place already. */
export function holds(taken: readonly Taken[], callId: string): boolean {
  return taken.some((one) => one.callId === callId);
}

/** Enters a claim, once for a call id. */
export function enter(taken: readonly Taken[], claim: Claim, cap: Cap): Entered {
  const mine = taken.find(({ callId }) => callId === claim.callId);
  if (mine !== undefined) return renew(taken, mine, claim);
  const present = within(taken, claim.at, cap.windowMs);
  const sum = usedBefore(present, claim.callId, claim.at, cap.windowMs) + claim.amount;
  if (present.length >= MAX_ENTRIES || (sum > cap.max && !cap.forced)) return { kind: "over" };
  return { kind: "entered", taken: [...present, { ...claim }] };
}

/** A newer signature lasts longer, so what it is for is held longer. */
function renew(taken: readonly Taken[], mine: Taken, { until }: Claim): Entered {
  if (mine.until === undefined || (until !== undefined && until <= mine.until)) return { kind: "known" };
  const { callId, amount, at, ran } = mine;
  const renewed = { callId, amount, at, ...(ran && { ran }), ...(until !== undefined && { until }) };
  return { kind: "entered", taken: taken.map((one) => (one === mine ? renewed : one)) };
}

/** Marks that a call's intent is recorded: from now on it counts until its window is over. Undefined: there is nothing to change. */
export function markRan(taken: readonly Taken[], callId: string): AccountDocument["taken"] | undefined {
  if (!taken.some((one) => one.callId === callId && one.ran !== true)) return undefined;
  return taken.map((one) => (one.callId === callId ? { ...one, ran: true as const } : one));
}

/** Drops calls that surely never ran: every intent up to `seen` is known, and theirs is not among them. Undefined: there is nothing to drop. */
export function dropUnused(taken: readonly Taken[], seen: number): AccountDocument["taken"] | undefined {
  const kept = taken.filter(({ ran, until }) => ran === true || until === undefined || until >= seen);
  return kept.length === taken.length ? undefined : kept;
}

function within(taken: readonly Taken[], now: number, windowMs: number): Taken[] {
  return taken.filter(({ at }) => at > now - windowMs);
}
