import { BulkheadError, open, parseJson, REQUEST_MAX_AGE_MS } from "@bulkhead/core";
import { mayPublish, roleOf, TaskSubmission, typeOf } from "@bulkhead/schemas";
import type { z } from "zod";
import type { Tasks } from "../ports.ts";

type Submission = z.infer<typeof TaskSubmission>;

/** Whoever could choose such an id would take the place of a message that comes later. */
const OF_THE_INTAKE = /^t-\d+$/;

/** What a message on `bh.task.submit.<agent>` is, and who vouches for it. */
export interface ReadSubmission {
  readonly submission: Submission;
  /** Who signed it; undefined for a plain message, whose sender nobody knows. */
  readonly issuer?: string;
  /** The id and the time of the signed envelope. */
  readonly envelopeId?: string;
  readonly signedAt?: number;
}

/** @throws BulkheadError `json.*`, `envelope.*`, `task.malformed`, `forbidden` */
export function readSubmission({ runtime }: Tasks, agent: string, data: Uint8Array): ReadSubmission {
  const value = parseJson(data);
  if (!isSigned(value)) return { submission: plain(value) };
  const { body, issuer, id, at } = open(value, {
    type: typeOf("submit"),
    keyOf: (name) => (mayPublish("submit", name) ? runtime.keyOf(name) : undefined),
  });
  assertInTime(runtime, at);
  const submission = parse(body);
  if (submission.agent !== agent) throw new BulkheadError("forbidden", "(signed for another agent)");
  if ((roleOf(issuer) === "exec") !== (submission.parent !== undefined))
    throw new BulkheadError("task.malformed", "(parent)");
  return { submission, issuer, envelopeId: id, signedAt: at };
}

/** A task is remembered for so long; after that a signed one would be a new one when somebody sends it again. */
function assertInTime({ clock, policy }: Tasks["runtime"], at: number): void {
  const age = clock.now() - at;
  if (age > policy.policy.retention.taskMs || age < -REQUEST_MAX_AGE_MS) throw new BulkheadError("envelope.expired");
}

function isSigned(value: unknown): boolean {
  return typeof value === "object" && value !== null && "sig" in value;
}

function plain(value: unknown): Submission {
  const submission = parse(value);
  if (submission.parent !== undefined)
    throw new BulkheadError("task.malformed", "(parent: only an executor may say so)");
  return submission;
}

function parse(value: unknown): Submission {
  const parsed = TaskSubmission.safeParse(value);
  if (parsed.success && OF_THE_INTAKE.test(parsed.data.id ?? ""))
    throw new BulkheadError("task.malformed", "(id: t-<number> is what the intake gives)");
  if (parsed.success) return parsed.data;
  const where = parsed.error.issues.map((issue) => issue.path.join(".") || issue.code).slice(0, 3);
  throw new BulkheadError("task.malformed", `(${where.join(", ")})`, { cause: parsed.error });
}
