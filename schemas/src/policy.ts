import { z } from "zod";
import {
  ArgumentRole,
  BusKey,
  Digest,
  DurationMs,
  Effect,
  EpochMs,
  Identity,
  JsonObject,
  Label,
  Line,
  Micros,
  PublicKey,
  Tier,
  Token,
} from "./primitives.ts";
import { WatchPolicy } from "./watch.ts";

/** What the policy knows of a tool: everything but its code. `hash` covers this contract and the bytes of the code (INJ-11). */
export const ToolContract = z.strictObject({
  name: Token,
  connection: Token,
  operation: Token,
  toolset: Token,
  description: z.string().max(2_000),
  /** One plain sentence about a call, with `{argument}` places: what a person reads first. */
  sentence: Line.optional(),
  effects: z.array(Effect).max(4),
  /** Labels that its results raise, written before the adapter runs (S9). */
  reads: z.array(Label).max(2),
  /** JSON Schema of the arguments, objects closed; authority arguments carry `x-role`. */
  inputSchema: JsonObject,
  /** Authority arguments: property name → role. */
  roles: z.record(z.string().max(100), ArgumentRole),
  /** `builtin`: shipped; `bundle`: the user's code, loaded only when its bytes hash to `sha256`; `none`: BLOCK only, there is no adapter (S5). */
  adapter: z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("builtin") }),
    z.strictObject({ kind: z.literal("bundle"), file: z.string().max(200), sha256: Digest }),
    z.strictObject({ kind: z.literal("none") }),
  ]),
  credentials: z.array(Token).max(8),
  egress: z.array(z.string().max(300)).max(32),
  dedup: z.strictObject({ key: z.array(z.string().max(100)).max(16), windowMs: DurationMs }).optional(),
  rollback: z
    .union([
      z.strictObject({ mode: z.literal("compensate"), tool: Token }),
      z.strictObject({ mode: z.literal("hold") }),
    ])
    .optional(),
  timeoutMs: DurationMs,
  hash: Digest,
});
/** What the policy knows of a tool. */
export type ToolContract = z.infer<typeof ToolContract>;

/** How long a PROPOSE call can be undone or cancelled, unless the grant says otherwise. */
export const WINDOW_MS = 15 * 60_000;

/** One tool that an agent may ask for. An exception lets an outward, financial or irreversible tool run below CONFIRM (TIER-07). */
export const ToolGrant = z.strictObject({
  tier: Tier,
  /** For PROPOSE: the time in which a person can undo or cancel. Default `WINDOW_MS`. */
  windowMs: DurationMs.min(1_000).optional(),
  /** For CONFIRM: so many natural persons must approve (TIER-11), of these operators if named. Default: one. */
  approvals: z
    .strictObject({ count: z.int().min(1).max(8), from: z.array(Token).min(1).max(32).optional() })
    .optional(),
  exception: z.strictObject({ owner: Line, reason: Line, expiresAt: EpochMs }).optional(),
});
/** One tool that an agent may ask for. */
export type ToolGrant = z.infer<typeof ToolGrant>;

/** Hard limits of one task; whoever reaches one ends with `limits.*` (BRK-07). */
export const Limits = z.strictObject({
  steps: z.int().min(1).max(1_000),
  calls: z.int().min(1).max(10_000),
  tokens: z.int().min(1).max(10_000_000),
  wallMs: DurationMs,
  /** How deep delegation may go: a task created by a task is one deeper. */
  depth: z.int().min(0).max(8),
});
/** Hard limits of one task. */
export type Limits = z.infer<typeof Limits>;

/** One agent kind: what it is for and what it may ask for. */
export const AgentPolicy = z.strictObject({
  name: Token,
  purpose: z.string().max(4_000),
  modelClass: Token,
  tools: z.record(Token, ToolGrant),
  /** No call of this agent runs more freely than this tier. */
  ceiling: Tier,
  limits: Limits,
  dailyMicros: Micros,
  concurrency: z.int().min(1).max(64),
});
/** One agent kind. */
export type AgentPolicy = z.infer<typeof AgentPolicy>;

/** One executor process: its connections, its credential names (files it alone reads), never a secret. */
export const ToolsetPolicy = z.strictObject({
  name: Token,
  connections: z.array(z.strictObject({ name: Token, kind: Token, settings: JsonObject })).max(64),
  credentials: z.array(Token).max(64),
});
/** One executor process. */
export type ToolsetPolicy = z.infer<typeof ToolsetPolicy>;

/** A person who may act: the natural person behind it is `person` (two accounts of one person are one, TIER-11). */
export const OperatorPolicy = z.strictObject({
  name: Token,
  person: Token,
  roles: z.array(z.enum(["viewer", "approver", "admin"])).min(1),
});
/** A person who may act. */
export type OperatorPolicy = z.infer<typeof OperatorPolicy>;

/** Price per million tokens. A model without one is refused (COST-03). */
export const Price = z.strictObject({ inputMicrosPerMillion: Micros, outputMicrosPerMillion: Micros });
/** Price per million tokens. */
export type Price = z.infer<typeof Price>;

/** A model class that agents name, and the model behind it. */
export const ModelClass = z.strictObject({
  baseUrl: z.url(),
  model: z.string().max(200),
  credential: Token.optional(),
  maxOutputTokens: z.int().min(1).max(200_000),
  timeoutMs: DurationMs,
  price: Price,
});
/** A model class. */
export type ModelClass = z.infer<typeof ModelClass>;

/**
 * The compiled policy: all that services need of `bulkhead.yaml`, signed by an admin as an envelope of type `policy`.
 * Its digest is the *policy epoch*, part of every decision; a mismatch anywhere refuses (design §4).
 */
export const Policy = z.strictObject({
  v: z.literal(1),
  name: Token,
  signedAt: EpochMs,
  agents: z.record(Token, AgentPolicy),
  tools: z.record(Token, ToolContract),
  toolsets: z.record(Token, ToolsetPolicy),
  /** Tools whose undoing was rehearsed, with the hash of the contract that was (TIER-08). */
  rehearsals: z.record(Token, Digest).optional(),
  /** Business rules in Cedar, by file name, which the watchdog evaluates (TIER-06). */
  rules: z.record(z.string().max(100), z.string().max(64 * 1024)).optional(),
  /** What the watchdog judges beyond tiers: limits over windows, the house's time zone, outside records. */
  watch: WatchPolicy.optional(),
  operators: z.record(Token, OperatorPolicy),
  /** Who may publish plain tasks: identity `client-<name>` → agents. Such tasks start with label A. */
  clients: z.record(Token, z.strictObject({ agents: z.array(Token).max(64) })),
  /** Public keys of every identity; nobody else is believed. */
  trust: z.record(Identity, z.strictObject({ signing: PublicKey, bus: BusKey })),
  models: z.strictObject({
    currency: z.string().length(3),
    priceVersion: z.string().max(40),
    classes: z.record(Token, ModelClass),
  }),
  dailyMicros: Micros,
  approval: z.strictObject({
    timeoutMs: DurationMs,
    onTimeout: z.enum(["deny", "park"]),
    maxPendingPerAgent: z.int().min(1).max(10_000),
  }),
  retention: z.strictObject({ contentMs: DurationMs, taskMs: DurationMs, streamMs: DurationMs }),
  mode: z.enum(["enforce", "observe"]),
});
/** The compiled policy. */
export type Policy = z.infer<typeof Policy>;
