import { z } from "zod";
import { AnyEnvelope } from "./envelope.ts";
import {
  CallId,
  Code,
  ContentRef,
  Digest,
  EpochMs,
  Identity,
  JsonObject,
  Labels,
  Line,
  Provenance,
  Tier,
  Token,
} from "./primitives.ts";

/** `bh.call.<agent>.<tool>`: an agent asks. Signed by its host, which alone sets the task (envelope type `call`). */
export const CallRequest = z.strictObject({
  callId: CallId,
  task: Token,
  agent: Token,
  tool: Token,
  args: JsonObject,
  lease: AnyEnvelope,
});
/** An agent asks. */
export type CallRequest = z.infer<typeof CallRequest>;

/** What a tool gave back: its text (JSON or plain) and where it lies. */
export const ToolResult = z.strictObject({ ref: ContentRef, text: z.string(), labels: Labels, provenance: Provenance });
/** What a tool gave back. */
export type ToolResult = z.infer<typeof ToolResult>;

/**
 * What became of a call. `pending`: ask again with the same id; with a proposal, a human decides first, so park.
 * `refused`: policy said no, or a human did (`reason` is the human's). `unknown`: it may or may not have happened; a human looks.
 */
export const CallReply = z.discriminatedUnion("status", [
  z.strictObject({ status: z.literal("done"), tier: Tier, result: ToolResult }),
  z.strictObject({ status: z.literal("failed"), code: Code, message: z.string().max(500) }),
  z.strictObject({ status: z.literal("unknown"), code: Code }),
  z.strictObject({ status: z.literal("refused"), code: Code, message: z.string().max(500), reason: Line.optional() }),
  z.strictObject({ status: z.literal("pending"), proposal: Token.optional() }),
]);
/** What became of a call. */
export type CallReply = z.infer<typeof CallReply>;

/** The exact action: what a digest is taken over, and what the executor recomputes from the bytes that it is about to send (S3, PROP-02). */
export const Action = z.strictObject({
  v: z.literal(1),
  agent: Token,
  principal: Identity,
  task: Token,
  callId: CallId,
  tool: Token,
  toolHash: Digest,
  args: JsonObject,
  policyEpoch: Digest,
});
/** The exact action. */
export type Action = z.infer<typeof Action>;

/** What gateway and watchdog each sign, the same bytes, as an envelope of type `grant` (S2). */
export const Grant = z.strictObject({
  v: z.literal(1),
  action: Digest,
  agent: Token,
  task: Token,
  callId: CallId,
  tool: Token,
  tier: Tier,
  labels: Labels,
  policyEpoch: Digest,
  notBefore: EpochMs,
  expiresAt: EpochMs,
  /** The digest of the proposal that a human approved, for CONFIRM. */
  proposal: Digest.optional(),
});
/** What gateway and watchdog each sign. */
export type Grant = z.infer<typeof Grant>;

/** What a human is asked to decide. Its digest (domain `proposal`) is what the operator signs. */
export const ProposalTerms = z.strictObject({
  v: z.literal(1),
  id: Token,
  action: Digest,
  tool: Token,
  tier: Tier,
  policyEpoch: Digest,
  expiresAt: EpochMs,
  nonce: z.string().regex(/^[A-Za-z0-9_-]{22,64}$/),
});
/** What a human is asked to decide. */
export type ProposalTerms = z.infer<typeof ProposalTerms>;

/** An operator's decision, signed as an envelope of type `decision` and published to `bh.decision.<operator>`. */
export const Decision = z.strictObject({
  v: z.literal(1),
  proposal: Token,
  digest: Digest,
  outcome: z.enum(["approve", "deny"]),
  reason: Line.optional(),
});
/** An operator's decision. */
export type Decision = z.infer<typeof Decision>;

/** An approval as it travels to whoever must believe it: the terms and the operator's signed decision over their digest. */
export const Approval = z.strictObject({ terms: ProposalTerms, decision: AnyEnvelope });
/** An approval as it travels. */
export type Approval = z.infer<typeof Approval>;

/** `bh.review`: the gateway asks the watchdog for its own decision. */
export const ReviewRequest = z.strictObject({
  action: Action,
  grant: AnyEnvelope,
  lease: AnyEnvelope,
  approval: Approval.optional(),
});
/** The watchdog's own signed grant over the same bytes. A refusal is a bus error with its code. */
export const ReviewReply = z.strictObject({ grant: AnyEnvelope });

/** `bh.proposal.open`: the gateway hands over a call that a human must decide. Asked again with the same call id, it answers with what became of it. */
export const OpenRequest = z.strictObject({
  action: Action,
  tier: Tier,
  labels: Labels,
  reasons: z.array(Code).max(16),
  /** The lease, so that the release carries what the first decision was made on. */
  lease: AnyEnvelope,
});
/** States of a proposal in this version. */
export const ProposalState = z.enum([
  "pending",
  "approved",
  "released",
  "executed",
  "failed",
  "unknown",
  "denied",
  "expired",
]);
/** States of a proposal. */
export type ProposalState = z.infer<typeof ProposalState>;
/** What became of the proposal. */
export const OpenReply = z.strictObject({
  proposal: Token,
  state: ProposalState,
  code: Code.optional(),
  reason: Line.optional(),
});

/** `bh.proposal.release`: proposals hands an approved call back to the gateway, which decides again. */
export const ReleaseRequest = z.strictObject({ action: Action, lease: AnyEnvelope, approval: Approval });
/** What became of it. */
export const ReleaseReply = CallReply;

/** `bh.exec.<toolset>`: the gateway asks an executor. The executor itself determines which of these signatures it needs (S2). */
export const ExecRequest = z.strictObject({
  action: Action,
  grants: z.array(AnyEnvelope).min(1).max(2),
  approval: Approval.optional(),
  /**
   * Nothing may run: answer what is recorded under the call id, or refuse with `call.unknown`. The gateway's grant alone suffices,
   * so that a call that ran is told its outcome even if it would now need a person, or be refused.
   */
  recall: z.literal(true).optional(),
});
/** The gateway asks an executor. */
export type ExecRequest = z.infer<typeof ExecRequest>;
/** What became of it. */
export const ExecReply = CallReply;
