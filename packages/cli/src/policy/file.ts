import { Tier, Token } from "@bulkhead/schemas";
import { z } from "zod";

const SPAN = /^(\d{1,5})(s|m|h|d)$/;
const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A span of time as people write it: `90s`, `15m`, `24h`, `30d`. In milliseconds after parsing. */
const Span = z
  .string()
  .regex(SPAN, "is not a span of time such as 90s, 15m, 24h or 30d")
  .transform((text) => {
    const [, count = "0", unit = "s"] = SPAN.exec(text) ?? [];
    return Number(count) * (UNIT_MS[unit] ?? 0);
  });

/** An amount of the policy's currency, such as 2.50. In millionths after parsing. */
const Money = z
  .number("is not an amount such as 2.50")
  .nonnegative("is negative")
  .max(1_000_000, "is more than a million")
  .transform((amount) => Math.round(amount * 1_000_000));

/** A day such as 2027-12-31, to its end (UTC). Epoch milliseconds after parsing. */
const Day = z
  .string("is not a day such as 2027-12-31")
  .regex(/^\d{4}-\d{2}-\d{2}$/, "is not a day such as 2027-12-31")
  .transform((day) => Date.parse(`${day}T23:59:59.999Z`))
  .refine(Number.isFinite, "is not a day such as 2027-12-31");

const MAX_APPROVALS = 8;
const Count = z.int().min(1, "is less than one person").max(MAX_APPROVALS);

/** How many persons must approve: a number, or a number and of whom. */
const Approvals = z.union([
  Count.transform((count) => ({ count, from: undefined })),
  z.strictObject({ count: Count, from: z.array(Token).min(1, "names nobody").max(32).optional() }),
]);

const Grant = z.union([
  Tier.transform((tier) => ({ tier, window: undefined, approvals: undefined, exception: undefined })),
  z.strictObject({
    tier: Tier,
    window: Span.refine((ms) => ms >= 1_000, "is shorter than a second").optional(),
    approvals: Approvals.optional(),
    exception: z
      .strictObject({
        owner: Token,
        reason: z.string().min(8, "explains nothing: give the reason").max(300),
        until: Day,
      })
      .optional(),
  }),
]);

const Agent = z.strictObject({
  purpose: z.string().min(1, "is empty").max(4_000),
  model: Token.default("small"),
  tools: z.record(Token, Grant),
  ceiling: Tier.default("AUTO"),
  daily: Money.prefault(1),
  concurrency: z.int().min(1).max(64).default(2),
  limits: z
    .strictObject({
      steps: z.int().min(1).max(1_000).default(50),
      calls: z.int().min(1).max(10_000).default(200),
      tokens: z.int().min(1).max(10_000_000).default(500_000),
      time: Span.prefault("15m"),
      depth: z.int().min(0).max(8).default(3),
    })
    .prefault({}),
});

const Model = z.strictObject({
  /** Without it, the one of the environment when this is signed. */
  url: z.url("is not a URL such as https://api.example.com/v1").optional(),
  model: z.string().min(1).max(200),
  credential: Token.optional(),
  maxOutputTokens: z.int().min(1).max(200_000).default(2_000),
  timeout: Span.prefault("60s"),
  /** Per million tokens. */
  price: z.strictObject({ input: Money, output: Money }),
});

/** What calls of some tools may add up to within a window: `sum` names an integer argument, without it calls are counted. */
const Limit = z.strictObject({
  tools: z.array(Token).min(1, "names no tool"),
  sum: z.string().min(1).optional(),
  window: Span,
  per: z.enum(["agent", "house"]).default("house"),
  max: z.int().min(0),
  over: z.enum(["ask", "deny"]).default("ask"),
});

const Watchdog = z.strictObject({
  timeZone: z.string().default("UTC"),
  limits: z.record(Token, Limit).default({}),
  /** Files in which somebody else writes down what a tool set did: one JSON object a line. */
  outside: z.array(z.strictObject({ toolset: Token, file: z.string().min(1) })).default([]),
});

/**
 * `bulkhead.yaml`, as a person writes it. What is not said is denied, read-only, short-lived or cheap (design §4).
 * Parsed values are in the units of the compiled policy: milliseconds and millionths.
 */
export const PolicyFile = z.strictObject({
  name: Token,
  mode: z.enum(["enforce", "observe"]).default("enforce"),
  currency: z
    .string()
    .regex(/^[A-Z]{3}$/, "is not a currency code such as EUR")
    .default("EUR"),
  daily: Money.prefault(10),
  agents: z.record(Token, Agent),
  connections: z.record(Token, z.looseObject({ kind: Token })).default({}),
  operators: z.record(
    Token,
    z.strictObject({
      person: Token.optional(),
      roles: z.array(z.enum(["viewer", "approver", "admin"])).min(1, "names no role"),
    }),
  ),
  clients: z.record(Token, z.strictObject({ agents: z.array(Token).min(1) })).default({}),
  models: z.record(Token, Model).optional(),
  watchdog: Watchdog.prefault({}),
  approval: z
    .strictObject({
      timeout: Span.prefault("24h"),
      onTimeout: z.enum(["deny", "park"]).default("deny"),
      maxPending: z.int().min(1).max(10_000).default(100),
    })
    .prefault({}),
  retention: z
    .strictObject({ content: Span.prefault("30d"), tasks: Span.prefault("30d"), streams: Span.prefault("7d") })
    .prefault({}),
});
/** `bulkhead.yaml`, parsed. */
export type PolicyFile = z.output<typeof PolicyFile>;

/** Names that hold a secret wherever they stand: they belong into `credentials/`. */
export const SECRET_KEY = /^(password|passwd|pass|secret|token|api[-_]?key|access[-_]?key|private[-_]?key|webhook)$/i;
