/**
 * Owns: the hashes of the ledger (AUD-03). Leaf = SHA-256(0x00 ‖ JCS({seq, envelope})), an RFC 6962 leaf, so that a tree can stand on it;
 * chain = SHA-256(previous chain ‖ leaf), a second and simpler check.
 * Invariants: S6: an entry that is changed, dropped, reordered or inserted gives another chain from there on.
 */
import { createHash } from "node:crypto";
import { canonical, type Envelope } from "@bulkhead/core";

const LEAF_PREFIX = Uint8Array.of(0);

/** The chain before the first entry. */
export const GENESIS = "0".repeat(64);

export function leafOf(seq: number, envelope: Envelope): string {
  return createHash("sha256").update(LEAF_PREFIX).update(canonical({ seq, envelope })).digest("hex");
}

export function chainAfter(previous: string, leaf: string): string {
  return createHash("sha256").update(Buffer.from(previous, "hex")).update(Buffer.from(leaf, "hex")).digest("hex");
}
