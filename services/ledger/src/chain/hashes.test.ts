import { createHash } from "node:crypto";
import { newSeed, sign, signingKey } from "@bulkhead/core";
import { expect, test } from "vitest";
import { chainAfter, GENESIS, leafOf } from "./hashes.ts";

const envelope = sign(signingKey(newSeed()), "gateway", "audit", { b: 1, a: "ü" });
const sha256 = (...parts: Uint8Array[]) => createHash("sha256").update(Buffer.concat(parts)).digest("hex");

test("AUD-03: a leaf is the RFC 6962 leaf hash of the canonical JSON of sequence and envelope", () => {
  const { at, body, id, issuer, sig, type, v } = envelope;
  const canonical = JSON.stringify({ envelope: { at, body: { a: "ü", b: 1 }, id, issuer, sig, type, v }, seq: 7 });
  expect(body).toEqual({ b: 1, a: "ü" });
  expect(leafOf(7, envelope)).toBe(sha256(Buffer.of(0), Buffer.from(canonical)));
});

test("AUD-03: the chain is the hash of its predecessor and the leaf, from 32 zero bytes on", () => {
  const leaf = leafOf(1, envelope);
  expect(chainAfter(GENESIS, leaf)).toBe(sha256(Buffer.alloc(32), Buffer.from(leaf, "hex")));
  expect(chainAfter(chainAfter(GENESIS, leaf), leaf)).not.toBe(chainAfter(GENESIS, leaf));
});
