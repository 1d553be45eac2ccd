import { type Effect, TIERS, type Tier } from "@bulkhead/schemas";

/** Whoever must have signed before a call may run. */
export type Signer = "gateway" | "watchdog" | "operator";

/** How strict a tier is: AUTO is 0, BLOCK is 4. */
export function rankOf(tier: Tier): number {
  return TIERS.indexOf(tier);
}

/** The most restrictive of the tiers; BLOCK if there is none, since nothing said is nothing permitted (S4). */
export function strictest(tiers: readonly Tier[]): Tier {
  const [first, ...rest] = tiers;
  return rest.reduce((worst, tier) => (rankOf(tier) > rankOf(worst) ? tier : worst), first ?? "BLOCK");
}

/** The signatures that a call at this tier needs (S2): a read at AUTO the gateway's alone, everything else both keys, CONFIRM a person's too. */
export function signersFor(tier: Tier, effects: readonly Effect[]): readonly Signer[] {
  if (tier === "CONFIRM") return ["gateway", "watchdog", "operator"];
  return tier === "AUTO" && effects.length === 0 ? ["gateway"] : ["gateway", "watchdog"];
}
