import { z } from "zod";
import {
  CallId,
  Code,
  ContentRef,
  Digest,
  DurationMs,
  EpochMs,
  Identity,
  Labels,
  Micros,
  Tier,
  Token,
} from "./primitives.ts";

/** Everything that is recorded (AUD-01). There is no switch to turn one off. */
export const AUDIT_EVENTS = [
  "service.started",
  "service.stopped",
  "policy.loaded",
  "task.admitted",
  "task.rejected",
  "task.conflict",
  "task.dispatched",
  "task.parked",
  "task.woken",
  "task.finished",
  "task.failed",
  "task.cancelled",
  "task.dead",
  "task.resubmitted",
  "agent.started",
  "agent.stopped",
  "worker.started",
  "worker.killed",
  "worker.finished",
  "model.intent",
  "model.settled",
  "model.refused",
  "call.decided",
  "call.refused",
  "review.signed",
  "review.refused",
  "proposal.opened",
  "proposal.repeated",
  "proposal.approved",
  "proposal.denied",
  "proposal.edited",
  "proposal.cancelled",
  "proposal.withdrawn",
  "proposal.refused",
  "proposal.escalated",
  "proposal.renewed",
  "proposal.expired",
  "proposal.released",
  "proposal.settled",
  "proposal.undoing",
  "proposal.undone",
  "proposal.closed",
  "review.validated",
  "read.executed",
  "effect.intent",
  "effect.done",
  "effect.failed",
  "effect.unknown",
  "effect.conflict",
  "effect.refused",
  "label.raised",
  "content.stored",
  "content.read",
  "content.refused",
  "watchdog.anomaly",
  "watchdog.reconciled",
  "control.changed",
  "budget.changed",
  "security.forged",
  "security.conflict",
  "security.flood",
  "ledger.gap",
  "ledger.rejected",
  "query.answered",
] as const;
/** A recorded event's type. */
export const AuditEvent = z.enum(AUDIT_EVENTS);
/** A recorded event's type. */
export type AuditEvent = z.infer<typeof AuditEvent>;

/** `<kind>:<id>`: what an entry is caused by, so that the way from content to effect and back can be walked. */
export const Cause = z
  .string()
  .regex(/^(task|call|model|content|proposal|decision|entry|effect|stop):[a-z0-9.:-]{1,140}$/);

/**
 * One audit entry: the body of an envelope of type `audit`, published to `bh.audit.<issuer>` and acknowledged before what it announces.
 * Ids, digests, codes, numbers and references only: no free text, no personal data (AUD-14). `counter` is gapless per `instance`.
 */
export const AuditEntry = z.strictObject({
  v: z.literal(1),
  event: AuditEvent,
  instance: z.string().regex(/^[a-z0-9-]{1,64}$/),
  counter: z.int().min(1),
  at: EpochMs,
  causes: z.array(Cause).max(32),
  agent: Token.optional(),
  principal: Identity.optional(),
  task: Token.optional(),
  callId: CallId.optional(),
  tool: z.string().max(100).optional(),
  tier: Tier.optional(),
  labels: Labels.optional(),
  code: Code.optional(),
  reasons: z.array(Code).max(16).optional(),
  action: Digest.optional(),
  digest: Digest.optional(),
  policyEpoch: Digest.optional(),
  proposal: Token.optional(),
  operator: Identity.optional(),
  content: ContentRef.optional(),
  state: z.string().max(40).optional(),
  model: z.string().max(200).optional(),
  inputTokens: z.int().min(0).optional(),
  outputTokens: z.int().min(0).optional(),
  costMicros: Micros.optional(),
  latencyMs: DurationMs.optional(),
  count: z.int().min(0).optional(),
});
/** One audit entry. */
export type AuditEntry = z.infer<typeof AuditEntry>;

/** An entry as the ledger keeps it: `hash` = SHA-256(0x00 ‖ JCS(seq, entry envelope)) as an RFC 6962 leaf, `prev` the chain's hash before it. */
export const LedgerEntry = z.strictObject({
  seq: z.int().min(1),
  /** SHA-256 over (previous `chain` ‖ `leaf`), hex. */
  chain: z.string().regex(/^[0-9a-f]{64}$/),
  leaf: z.string().regex(/^[0-9a-f]{64}$/),
  issuer: Identity,
  envelope: z.unknown(),
  recordedAt: EpochMs,
});
/** An entry as the ledger keeps it. */
export type LedgerEntry = z.infer<typeof LedgerEntry>;
