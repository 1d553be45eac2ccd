/**
 * Owns: turning a message into a task: who vouches for it, its labels, where its texts lie.
 * Does not own: dispatch, the content store.
 * Invariants: S9: labels are durable before the document exists, so before anything is dispatched. S10: a message seen again, or sent
 * again under the same id with the same body, makes no second task; another body under the same id is refused.
 */
import { BulkheadError, digest, isToken } from "@bulkhead/core";
import type { Label, Provenance, TaskDocument } from "@bulkhead/schemas";
import type { z } from "zod";
import { taskAdmitted } from "../events.ts";
import type { Tasks } from "../ports.ts";
import { type Origin, originOf } from "./origin.ts";
import { type ReadSubmission, readSubmission } from "./read.ts";

export interface Arrival {
  readonly agent: string;
  readonly data: Uint8Array;
  /** The id of a task that names none. */
  readonly defaultId: string;
  readonly sequence: number;
  /** It was delivered before, so its record may be missing. */
  readonly repeated: boolean;
}

/** @throws BulkheadError a refusal (`json.*|envelope.*|task.*|agent.unknown|forbidden`), or one that says `retry` */
export async function admit(service: Tasks, arrival: Arrival): Promise<TaskDocument> {
  const read = readSubmission(service, arrival.agent, arrival.data);
  const id = idOf(read, arrival.defaultId);
  const body = digest("submission", { agent: arrival.agent, issuer: read.issuer ?? null, submission: read.submission });
  const known = await sameTask(service, id, body);
  if (known !== undefined) return await admitted(service, known, arrival, arrival.repeated);
  const origin = await originOf(service, arrival.agent, read);
  await service.runtime.labels.raise(id, origin.labels);
  const task = await documentOf(service, { id, agent: arrival.agent, digest: body }, read, origin);
  const inserted = await service.tasks.insert(task);
  if (!inserted.ok) return (await sameTask(service, id, body)) ?? task;
  return await admitted(service, task, arrival, true);
}

async function admitted(service: Tasks, task: TaskDocument, arrival: Arrival, isNews: boolean): Promise<TaskDocument> {
  if (!isNews) return task;
  await taskAdmitted(service, task, arrival.sequence);
  service.runtime.bus.send("nudge", {}, { agent: task.agent });
  return task;
}

/** A signed message is one task however often it is sent: without an id of its own, it has its envelope's or its call's. */
function idOf({ submission, envelopeId }: ReadSubmission, defaultId: string): string {
  if (submission.id !== undefined) return submission.id;
  const derived = submission.parent?.callId.replaceAll(".", "-") ?? envelopeId?.replace(/^[a-z]+-/, "t-");
  return isToken(derived) ? derived : defaultId;
}

async function sameTask(service: Tasks, id: string, body: string): Promise<TaskDocument | undefined> {
  const known = await service.tasks.findOne({ _id: id });
  if (known !== undefined && known.digest !== body) throw new BulkheadError("task.conflict", `(${id})`);
  return known;
}

interface Identity {
  readonly id: string;
  readonly agent: string;
  readonly digest: string;
}

async function documentOf(
  service: Tasks,
  { id, agent, digest: body }: Identity,
  { submission, issuer, signedAt = 0 }: ReadSubmission,
  origin: Origin,
): Promise<TaskDocument> {
  const { clock, policy } = service.runtime;
  const now = clock.now();
  const source = { origin: originName(issuer), ...(issuer !== undefined && { source: issuer }), at: now } as const;
  const about = { task: id, provenance: source };
  const textLabels = origin.trusted ? [] : origin.labels;
  const text = await put(service, { ...about, kind: "task", text: submission.text, labels: textLabels });
  const attachments = [];
  for (const { name, text: quoted } of submission.attachments ?? []) {
    const ref = await put(service, { ...about, kind: "attachment", text: quoted, labels: origin.labels });
    attachments.push({ name, ref });
  }
  return {
    ...{ _id: id, agent, title: submission.title, text, attachments, ...origin, digest: body },
    ...(submission.parent && { parent: submission.parent }),
    textDigest: digest("task-text", submission.text),
    ...{ state: "queued", epoch: 0, leaseUntil: now, attempts: 0, version: 0, snapshot: null },
    ...{ waitingFor: [], decided: [], cancelled: false, createdAt: now, updatedAt: now },
    expires: new Date(Math.max(now, signedAt) + policy.policy.retention.taskMs),
  };
}

function originName(issuer: string | undefined): "operator" | "agent" | "outside" {
  if (issuer?.startsWith("operator-") === true) return "operator";
  return issuer?.startsWith("exec-") === true ? "agent" : "outside";
}

interface Piece {
  readonly task: string;
  readonly kind: "task" | "attachment";
  readonly text: string;
  readonly labels: readonly Label[];
  readonly provenance: z.infer<typeof Provenance>;
}

async function put({ runtime }: Tasks, { kind: about, labels, ...piece }: Piece): Promise<string> {
  const reply = await runtime.bus.request("content", { kind: "put", about, labels: [...labels], ...piece });
  if (reply.kind !== "put") throw new BulkheadError("unavailable", "(memory)");
  return reply.ref;
}
