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

/** What would undo a call, captured before it ran: another tool of the same executor and its arguments. Not told to agents. */
export const Inverse = z.strictObject({ tool: Token, args: JsonObject });
/** What would undo a call. */
export type Inverse = z.infer<typeof Inverse>;

/**
 * What became of a call. `pending`: ask again with the same id; with a proposal, a human decides first, so park.
 * `refused`: policy said no, or a human did (`reason` is the human's). `unknown`: it may or may not have happened; a human looks.
 */
export const CallReply = z.discriminatedUnion("status", [
  z.strictObject({ status: z.literal("done"), tier: Tier, result: ToolResult, undo: Inverse.optional() }),
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
  /** The call that this one undoes. Its agent is then `operator-<name>`, its tool and arguments what the executor captured before that call. */
  undoes: CallId.optional(),
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
  /** The digest of the proposal's terms, for PROPOSE and CONFIRM. */
  proposal: Digest.optional(),
});
/** What gateway and watchdog each sign. */
export type Grant = z.infer<typeof Grant>;

/** How a call that is not simply run gets its chance of a person. */
export const ProposalMode = z.enum(["ask", "compensate", "hold"]);
/** How a call gets its chance of a person. */
export type ProposalMode = z.infer<typeof ProposalMode>;

/** What a human is asked to decide. Its digest (domain `proposal`) is what the operator signs. */
export const ProposalTerms = z.strictObject({
  v: z.literal(1),
  id: Token,
  action: Digest,
  tool: Token,
  tier: Tier,
  /** `ask`: a person decides first. `compensate`: runs now, can be undone. `hold`: runs when the window closes, unless cancelled. */
  mode: ProposalMode,
  policyEpoch: Digest,
  /** Nothing is released after this time. */
  expiresAt: EpochMs,
  nonce: z.string().regex(/^[A-Za-z0-9_-]{22,64}$/),
});
/** What a human is asked to decide. */
export type ProposalTerms = z.infer<typeof ProposalTerms>;

/**
 * What an operator may say: `approve` or `deny` what is asked; `edit` its arguments, which makes another proposal of it; `cancel`
 * what has not run yet; `undo` what ran and is in its window.
 */
export const Outcome = z.enum(["approve", "deny", "edit", "cancel", "undo"]);
/** What an operator may say. */
export type Outcome = z.infer<typeof Outcome>;

/** An operator's decision, signed as an envelope of type `decision` and published to `bh.decision.<operator>`. */
export const Decision = z.strictObject({
  v: z.literal(1),
  proposal: Token,
  digest: Digest,
  outcome: Outcome,
  /** The digest of the action that the terms name: what is denied or cancelled does not run under any other terms either. */
  action: Digest,
  /** With `edit`, and only then: the arguments in full. */
  args: JsonObject.optional(),
  reason: Line.optional(),
});
/** An operator's decision. */
export type Decision = z.infer<typeof Decision>;

/** An approval as it travels to whoever must believe it: the terms and the operators' signed decisions over their digest. PROPOSE needs none. */
export const Approval = z.strictObject({ terms: ProposalTerms, decisions: z.array(AnyEnvelope).max(8) });
/** An approval as it travels. */
export type Approval = z.infer<typeof Approval>;

/** `bh.review`: the gateway asks the watchdog for its own decision. */
export const ReviewRequest = z.strictObject({
  action: Action,
  /** With an undo: the action that it undoes. */
  original: Action.optional(),
  grant: AnyEnvelope,
  lease: AnyEnvelope,
  approval: Approval.optional(),
});
/** The watchdog's own signed grant over the same bytes. A refusal is a bus error with its code. */
export const ReviewReply = z.strictObject({ grant: AnyEnvelope });

/**
 * `bh.validate`: before a proposal is opened the watchdog decides on it itself, and remembers what it saw and when: what it has never
 * seen it never signs, and it counts a window from then on by its own clock. A refusal is a bus error with its code.
 */
export const ValidateRequest = z.strictObject({
  action: Action,
  lease: AnyEnvelope,
  tier: Tier,
  mode: ProposalMode,
  /** With an edited call: the action that it replaces, its terms, and the operator's decision to edit it. */
  edits: z.strictObject({ original: Action, approval: Approval }).optional(),
});
/** The tier that the watchdog finds itself, which may be stricter, and why. */
export const ValidateReply = z.strictObject({ tier: Tier, reasons: z.array(Code).max(16) });

/** `bh.proposal.open`: the gateway hands over a call that a human must decide. Asked again with the same call id, it answers with what became of it. */
export const OpenRequest = z.strictObject({
  action: Action,
  tier: Tier,
  labels: Labels,
  mode: ProposalMode,
  reasons: z.array(Code).max(16),
  /** The proposal whose arguments a person changed, or that was decided under an earlier policy. */
  parent: Token.optional(),
  /** What the call would change, as the tool's own code reads it now: JSON text. */
  before: z
    .string()
    .max(16 * 1024)
    .optional(),
  /** The lease, so that the release carries what the first decision was made on. */
  lease: AnyEnvelope,
});
/**
 * States of a proposal. Waiting: `pending` for a person, `holding` for the end of its window, `editing` for the gateway to decide changed
 * arguments. Running: `released`, `undoing`. `window`: ran, and can be undone. All others are ends; `undo-failed` and
 * `unknown` are a person's work.
 */
export const ProposalState = z.enum([
  "pending",
  "holding",
  "editing",
  "released",
  "window",
  "undoing",
  "executed",
  "failed",
  "unknown",
  "undone",
  "undo-failed",
  "denied",
  "expired",
  "cancelled",
  "withdrawn",
  "edited",
  "superseded",
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

/**
 * `bh.proposal.release`: proposals hands a call back to the gateway, which decides again: to `run` it, to `undo` it, or to `reopen` it with
 * the arguments that a person changed or under a policy that changed. What is reopened always asks a person.
 */
export const ReleaseRequest = z.strictObject({
  purpose: z.enum(["run", "undo", "reopen"]),
  action: Action,
  /** With `undo` and `reopen`: the action that the terms are about. */
  original: Action.optional(),
  /** With what is held: the digest of the state that it would change, as it was when it was held. */
  before: Digest.optional(),
  lease: AnyEnvelope,
  approval: Approval,
});
/** What became of it; of what is reopened, `pending` with the new proposal. */
export const ReleaseReply = CallReply;

/** `bh.proposal.withdraw`: tasks says that a task has ended, so that nothing of it waits any longer. */
export const WithdrawRequest = z.strictObject({ task: Token });
/** How many proposals were withdrawn. */
export const WithdrawReply = z.strictObject({ withdrawn: z.int().min(0) });

/** `bh.exec.<toolset>`: the gateway asks an executor. The executor itself determines which of these signatures it needs (S2). */
export const ExecRequest = z.strictObject({
  action: Action,
  grants: z.array(AnyEnvelope).min(1).max(2),
  approval: Approval.optional(),
  /** With an undo: the action that it undoes. */
  original: Action.optional(),
  /** The digest of the state that the call was held for: if it is another now, it does not run. */
  before: Digest.optional(),
  /**
   * Nothing may run: answer what is recorded under the call id, or refuse with `call.unknown`. The gateway's grant alone suffices,
   * so that a call that ran is told its outcome even if it would now need a person, or be refused.
   */
  recall: z.literal(true).optional(),
  /** Nothing may run: answer with the state that the call would change, as the tool reads it now. The gateway's grant suffices. */
  preview: z.literal(true).optional(),
});
/** The gateway asks an executor. */
export type ExecRequest = z.infer<typeof ExecRequest>;
/** What became of it, or the state that it would change: JSON text, empty if the tool cannot read it. */
export const ExecReply = z.union([
  CallReply,
  z.strictObject({ status: z.literal("preview"), state: z.string().max(16 * 1024) }),
]);
