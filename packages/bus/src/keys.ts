import { createUser, fromSeed } from "@nats-io/nkeys";

/** A new bus key: an NKey user seed and its public key, which goes into the signed policy. */
export function createBusKey(): { readonly seed: string; readonly publicKey: string } {
  const pair = createUser();
  return { seed: new TextDecoder().decode(pair.getSeed()), publicKey: pair.getPublicKey() };
}

/** The public key of a bus seed. Throws on anything else than a seed. */
export function busPublicKey(seed: string): string {
  return fromSeed(new TextEncoder().encode(seed)).getPublicKey();
}
