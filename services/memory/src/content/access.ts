/**
 * Owns: who may put and who may get which piece.
 * Does not own: the lease (signed by tasks), the bus's pinning of an issuer to its subject.
 * Invariants: S8, S9: a host gets the pieces of the one task whose lease it shows; a service gets what it has put itself, and tasks
 * what belongs to a task; nobody puts a kind, or an origin, that is not its own to put.
 */
import { BulkheadError, type Clock, open } from "@bulkhead/core";
import { type ContentDocument, type ContentRequest, Lease, mayPublish, type Role, roleOf } from "@bulkhead/schemas";

type Put = Extract<ContentRequest, { kind: "put" }>;
type Get = Extract<ContentRequest, { kind: "get" }>;

export interface AccessParts {
  readonly clock: Clock;
  readonly keyOf: (identity: string) => string | undefined;
}

interface Rule {
  readonly about: readonly Put["about"][];
  readonly origins: readonly Put["provenance"]["origin"][];
}

const PUTS: Partial<Record<Role, Rule>> = {
  tasks: {
    about: ["task", "attachment", "result", "dead"],
    origins: ["operator", "schedule", "outside", "agent", "model", "tool"],
  },
  host: { about: ["result"], origins: ["agent", "model"] },
  models: { about: ["model"], origins: ["model"] },
  exec: { about: ["result"], origins: ["tool", "outside", "agent", "model"] },
};

/** @throws BulkheadError `forbidden` */
export function assertMayPut(issuer: string, put: Put): void {
  const rule = PUTS[roleOf(issuer) ?? "client"];
  if (!mayPublish("content", issuer) || rule?.about.includes(put.about) !== true)
    throw new BulkheadError("forbidden", `(${issuer} may not put ${put.about})`);
  if (!rule.origins.includes(put.provenance.origin))
    throw new BulkheadError("forbidden", `(${issuer} may not say ${put.provenance.origin})`);
}

/** @throws BulkheadError `forbidden`, `lease.invalid`, `lease.expired`, `envelope.*` */
export function assertMayGet(issuer: string, get: Get, piece: ContentDocument, parts: AccessParts): void {
  const role = roleOf(issuer);
  if (role === "host") assertLeased(issuer, get, piece, parts);
  else if (role !== "tasks" && piece.by !== issuer) throw new BulkheadError("forbidden");
}

function assertLeased(issuer: string, { lease }: Get, piece: ContentDocument, { clock, ...parts }: AccessParts): void {
  if (lease === undefined) throw new BulkheadError("lease.invalid", "(a host shows its lease)");
  const opened = open(lease, {
    type: "lease",
    keyOf: (signer) => (signer === "tasks" ? parts.keyOf(signer) : undefined),
  });
  const parsed = Lease.safeParse(opened.body);
  if (!parsed.success || issuer !== `host-${parsed.data.agent}`) throw new BulkheadError("lease.invalid");
  if (parsed.data.expiresAt <= clock.now()) throw new BulkheadError("lease.expired");
  if (parsed.data.task !== piece.task) throw new BulkheadError("forbidden", "(another task's piece)");
}
