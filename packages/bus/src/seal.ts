/**
 * Owns: what makes bytes a believable message: signature, issuer's role, the issuer's name in the subject, the shape.
 * Does not own: the reply subject (serve.ts), replay memory (ids are the consumer's unique keys).
 * Invariants: a subject alone proves nothing (ZT-02); nothing is given to a handler that the contract map does not allow
 * from this issuer on this subject.
 */
import { BulkheadError, type Envelope, open, parseJson, REQUEST_MAX_AGE_MS, sign } from "@bulkhead/core";
import {
  type BodyOf,
  CONTRACTS,
  type Contract,
  type ContractName,
  mayPublish,
  subjectOf,
  typeOf,
} from "@bulkhead/schemas";
import type { Link } from "./link.ts";
import { ownValues, parseSubject } from "./participants.ts";
import type { OpenedMessage, SubjectValues } from "./port.ts";

const encoder = new TextEncoder();

/** What a sender may choose of an envelope. */
export interface SealOptions {
  readonly id?: string | undefined;
  readonly at?: number | undefined;
}

/** The bytes of a message: signed, unless its contract says that nothing is. A submission that goes through the bus is always signed. */
export function seal(link: Link, name: ContractName, body: unknown, { id, at }: SealOptions = {}): Uint8Array {
  const bare = !CONTRACTS[name].signed && name !== "submit";
  if (bare) return encoder.encode(JSON.stringify(body));
  const clock = at === undefined ? link.clock : { ...link.clock, now: () => at };
  const options = { clock, ...(id !== undefined && { id }) };
  return encoder.encode(JSON.stringify(sign(link.key, link.identity, typeOf(name), body, options)));
}

/** Checks bytes that arrived on `subject`. @throws BulkheadError `json.*|envelope.*|schema.invalid|forbidden` */
export function unseal<N extends ContractName>(
  link: Link,
  name: N,
  subject: string,
  data: Uint8Array,
  maxAgeMs = REQUEST_MAX_AGE_MS,
): OpenedMessage<N> {
  const values = parseSubject(CONTRACTS[name].subject, subject) ?? {};
  const envelope = parseJson(data) as Envelope;
  const opened = open(envelope, {
    type: typeOf(name),
    keyOf: (issuer) => (mayPublish(name, issuer) ? link.trust[issuer]?.signing : undefined),
    clock: link.clock,
    maxAgeMs,
  });
  if (!isPinned(CONTRACTS[name], opened.issuer, values))
    throw new BulkheadError("forbidden", "(the subject names another)");
  return { ...opened, body: parseBody(name, opened.body), values, envelope };
}

/** The subject of a message from this identity. @throws BulkheadError `token.invalid` */
export function subjectFor(link: Link, name: ContractName, values: SubjectValues = {}): string {
  try {
    return subjectOf(name, { ...ownValues(link.identity), ...values });
  } catch (cause) {
    throw new BulkheadError("token.invalid", `(${name})`, { cause });
  }
}

/** Checks a bare body by its contract. @throws BulkheadError `schema.invalid` */
export function parseBody<N extends ContractName>(name: N, body: unknown): BodyOf<N> {
  const parsed = CONTRACTS[name].body.safeParse(body);
  if (parsed.success) return parsed.data as BodyOf<N>;
  const where = parsed.error.issues[0]?.path.join(".") ?? "";
  throw new BulkheadError("schema.invalid", `(${name}: ${where})`, { cause: parsed.error });
}

/** Whether every placeholder that the issuer cannot choose holds its own name. */
export function isPinned(contract: Contract, issuer: string, values: Readonly<Record<string, string>>): boolean {
  return Object.entries(ownValues(issuer)).every(
    ([key, own]) => !contract.subject.includes(`{${key}}`) || values[key] === own,
  );
}
