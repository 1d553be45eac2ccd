/**
 * Owns: signed envelopes, the only proof of who said something (a subject alone proves nothing).
 * Does not own: who may say what (the contract map in `schemas/`), replay memory (the consumer's unique ids), key files.
 * Invariants: a signature covers version, type, issuer, id, time and body, under a prefix that names the type, so it
 * cannot be lifted into another contract (S2, S3, ZT-02); what fails to verify is never looked into.
 */
import { createPrivateKey, createPublicKey, type KeyObject, randomBytes, sign as signBytes, verify } from "node:crypto";
import { z } from "zod";
import { type Clock, systemClock } from "./clock.ts";
import { BulkheadError } from "./errors.ts";
import { type IdSource, newId, token } from "./ids.ts";
import { canonical } from "./json.ts";

const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");
const SPKI = Buffer.from("302a300506032b6570032100", "hex");
const KEY_BYTES = 32;

/** A public key or seed: 32 bytes in base64url. */
export const keyText = z.string().regex(/^[A-Za-z0-9_-]{43}$/);

/** The wire form of everything that is acted on. `at` is epoch milliseconds. */
export const envelopeSchema = z.strictObject({
  v: z.literal(1),
  type: token,
  issuer: token,
  id: z.string().min(1).max(128),
  at: z.int().nonnegative(),
  body: z.unknown(),
  sig: z.string().regex(/^[A-Za-z0-9_-]{86}$/),
});
/** A signed envelope. */
export type Envelope = z.infer<typeof envelopeSchema>;

/** An Ed25519 key that signs. The private part cannot be read back from it. */
export interface SigningKey {
  /** 32 bytes, base64url. */
  readonly publicKey: string;
  /** Ed25519 signature, base64url. */
  sign(text: string): string;
}

/** A new seed: 32 random bytes in base64url. */
export function newSeed(): string {
  return randomBytes(KEY_BYTES).toString("base64url");
}

/** The signing key of a seed. @throws BulkheadError `credential.missing` if the seed is not 32 bytes */
export function signingKey(seed: string): SigningKey {
  const bytes = Buffer.from(seed, "base64url");
  if (bytes.length !== KEY_BYTES) throw new BulkheadError("credential.missing", "(a signing seed has 32 bytes)");
  const key = createPrivateKey({ key: Buffer.concat([PKCS8, bytes]), format: "der", type: "pkcs8" });
  const spki = createPublicKey(key).export({ format: "der", type: "spki" });
  return {
    publicKey: spki.subarray(SPKI.length).toString("base64url"),
    sign: (text) => signBytes(null, Buffer.from(text), key).toString("base64url"),
  };
}

/** Where an envelope's time and id come from. */
export interface SignOptions {
  readonly clock?: Clock;
  /** The envelope's id, if the caller has one; else a fresh one. */
  readonly id?: string;
  readonly ids?: IdSource;
}

/** Signs `body` as `issuer`. @throws BulkheadError `json.*` if the body is not JSON */
export function sign(
  key: SigningKey,
  issuer: string,
  type: string,
  body: unknown,
  options: SignOptions = {},
): Envelope {
  const id = options.id ?? (options.ids ?? newId)("m");
  const unsigned = { v: 1 as const, type, issuer, id, at: (options.clock ?? systemClock).now(), body };
  return { ...unsigned, sig: key.sign(signedText(unsigned)) };
}

/** What `open` needs to know. */
export interface OpenOptions {
  /** The contract expected here. */
  readonly type: string;
  /** The public key of an issuer that may send this type; undefined if it may not, or is unknown. */
  readonly keyOf: (issuer: string) => string | undefined;
  /** How far `at` may be from now, either way. Not checked if absent: for records, which are read later. */
  readonly maxAgeMs?: number;
  readonly clock?: Clock;
}

/** A verified envelope: who said it, when, and what. The body still has to be parsed by its contract. */
export interface Opened {
  readonly issuer: string;
  readonly id: string;
  readonly at: number;
  readonly body: unknown;
}

/** The age that a request may have: five minutes (ZT-03). */
export const REQUEST_MAX_AGE_MS = 300_000;

/** Verifies an envelope. @throws BulkheadError `envelope.malformed|type|issuer|signature|expired` */
export function open(value: unknown, options: OpenOptions): Opened {
  const parsed = envelopeSchema.safeParse(value);
  if (!parsed.success) throw new BulkheadError("envelope.malformed", undefined, { cause: parsed.error });
  const { sig, ...unsigned } = parsed.data;
  if (unsigned.type !== options.type) throw new BulkheadError("envelope.type", `(expected ${options.type})`);
  const publicKey = options.keyOf(unsigned.issuer);
  if (publicKey === undefined) throw new BulkheadError("envelope.issuer", `(${unsigned.issuer})`);
  if (!verifyText(publicKey, signedText(unsigned), sig)) throw new BulkheadError("envelope.signature");
  assertFresh(unsigned.at, options);
  return { issuer: unsigned.issuer, id: unsigned.id, at: unsigned.at, body: unsigned.body };
}

/**
 * Whether `sig` is the key's signature over `text`. Never throws. What verified lately is remembered with its key and whole
 * text, since leases and approvals come again and again.
 */
export function verifyText(publicKey: string, text: string, sig: string): boolean {
  const claim = `${publicKey} ${text}`;
  if (verified.get(sig) === claim) return true;
  const key = importPublicKey(publicKey);
  const valid = key !== undefined && verify(null, Buffer.from(text), key, Buffer.from(sig, "base64url"));
  if (valid && text.length <= MAX_REMEMBERED_LENGTH) remember(sig, claim);
  return valid;
}

const MAX_REMEMBERED = 1024;
const MAX_REMEMBERED_LENGTH = 4096;
const verified = new Map<string, string>();

function remember(sig: string, claim: string): void {
  const [oldest] = verified.keys();
  if (verified.size >= MAX_REMEMBERED && oldest !== undefined) verified.delete(oldest);
  verified.set(sig, claim);
}

function assertFresh(at: number, options: OpenOptions): void {
  if (options.maxAgeMs === undefined) return;
  const age = Math.abs((options.clock ?? systemClock).now() - at);
  if (age > options.maxAgeMs) throw new BulkheadError("envelope.expired");
}

function signedText(unsigned: Omit<Envelope, "sig">): string {
  return `bulkhead/${unsigned.type}/v1\n${canonical(unsigned)}`;
}

const MAX_CACHED_KEYS = 1024;
const imported = new Map<string, KeyObject>();

function importPublicKey(publicKey: string): KeyObject | undefined {
  const cached = imported.get(publicKey);
  if (cached !== undefined || !keyText.safeParse(publicKey).success) return cached;
  const der = Buffer.concat([SPKI, Buffer.from(publicKey, "base64url")]);
  const key = createPublicKey({ key: der, format: "der", type: "spki" });
  if (imported.size >= MAX_CACHED_KEYS) imported.clear();
  imported.set(publicKey, key);
  return key;
}
