import { digestText, keyText, token } from "@bulkhead/core";
import { z } from "zod";

/** A name in a subject, key, file name or query (ZT-06): 1–63 of `a-z 0-9 -`, not starting with `-`. */
export const Token = token;

/** The name of a process or person that holds keys: `gateway`, `host-inbox`, `exec-mail`, `operator-ana`, `client-web`. */
export const Identity = Token;

/** `sha256:` and 64 hex digits. */
export const Digest = digestText;

/** Milliseconds since 1970-01-01T00:00:00Z, an integer. */
export const EpochMs = z.int().nonnegative();

/** A span of time in milliseconds. */
export const DurationMs = z.int().nonnegative();

/** Money: an integer of millionths of the policy's currency. */
export const Micros = z.int().nonnegative();

/**
 * `<task>.<step>.<index>`: the id of one tool call, the same after every restart (design §2). `<task>.<step>.m` names a model call, `…e<n>`
 * the n-th version of a call whose arguments a person changed, `…u` its undoing.
 */
export const CallId = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}\.\d{1,6}\.(\d{1,4}(e\d{1,2})?u?|m)$/);

/** A reference to a piece in the content store: `c-` and a lower-case ULID. */
export const ContentRef = z.string().regex(/^c-[0-9a-z]{26}$/);

/** An Ed25519 public key: 32 bytes, base64url without padding. */
export const PublicKey = keyText;

/** An NKey user public key of the bus. */
export const BusKey = z.string().regex(/^U[A-Z2-7]{55}$/);

/** The five tiers, from the freest to the strictest (design §3). */
export const TIERS = ["AUTO", "AUTO+", "PROPOSE", "CONFIRM", "BLOCK"] as const;
/** One of the five tiers. */
export const Tier = z.enum(TIERS);
/** One of the five tiers. */
export type Tier = z.infer<typeof Tier>;

/** Sticky labels of a task: A = untrusted content was read, B = sensitive data is in reach (TIER-05). */
export const Label = z.enum(["A", "B"]);
/** A sticky label. */
export type Label = z.infer<typeof Label>;
/** Labels of a task or a piece of content: no repeats, in alphabetical order, so that a digest over them is stable. */
export const Labels = z
  .array(Label)
  .max(2)
  .refine((l) => l.length < 2 || (l[0] === "A" && l[1] === "B"), "sorted, no repeats");

/** What a tool changes: state in the house, something leaving it, money, or something that cannot be undone. None = a read. */
export const Effect = z.enum(["state", "out", "money", "irreversible"]);
/** What a tool changes. */
export type Effect = z.infer<typeof Effect>;

/** The kinds of authority argument (design §3): what an attacker would want to choose. */
export const ArgumentRole = z.enum(["recipient", "amount", "url", "account", "path", "id", "time"]);
/** A kind of authority argument. */
export type ArgumentRole = z.infer<typeof ArgumentRole>;

/** Any JSON value. */
export const Json: z.ZodType<JsonValue> = z.json();
/** Any JSON value. */
export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue };
/** A JSON object, such as a tool's arguments. */
export const JsonObject = z.record(z.string().max(256), Json);
/** A JSON object. */
export type JsonObject = z.infer<typeof JsonObject>;

/** A stable error code of the closed table in `packages/core`. */
export const Code = z
  .string()
  .regex(/^[a-z][a-z0-9-]*(\.[a-z0-9-]+)*$/)
  .max(64);

/** A short line for a person: at most 300 characters. */
export const Line = z.string().max(300);

/** Where content comes from, attached by trusted code at the boundary (INJ-01). `source` is an id, never text from outside. */
export const Provenance = z.strictObject({
  origin: z.enum(["operator", "schedule", "outside", "agent", "model", "tool"]),
  source: z.string().max(200).optional(),
  digest: Digest.optional(),
  at: EpochMs,
});
/** Where content comes from. */
export type Provenance = z.infer<typeof Provenance>;
