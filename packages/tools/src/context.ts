import type { Clock } from "@bulkhead/core";
import type { JsonObject, JsonValue } from "@bulkhead/schemas";

/** An answer over HTTP, bounded in size. `json()` throws `adapter.failed` when the text is not JSON. */
export interface HttpAnswer {
  readonly kind: "http";
  readonly status: number;
  readonly ok: boolean;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  json(): JsonValue;
}

/** Settings of one request. */
export interface HttpOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as `Idempotency-Key`: the far side then knows a repeat. */
  readonly idempotencyKey?: string;
  /** Default 30 s. */
  readonly timeoutMs?: number;
  /** Default 1 MiB; what is beyond it fails the request. */
  readonly maxBytes?: number;
}

/**
 * HTTP to the tool's declared `egress` and nowhere else. A relative path is taken from the first origin.
 * @throws BulkheadError `egress.denied`, `adapter.unreachable` (never reached), or `outcome.unknown` (sent, no answer)
 */
export interface HttpPort {
  get(url: string, options?: HttpOptions): Promise<HttpAnswer>;
  post(url: string, body: unknown, options?: HttpOptions): Promise<HttpAnswer>;
  put(url: string, body: unknown, options?: HttpOptions): Promise<HttpAnswer>;
  patch(url: string, body: unknown, options?: HttpOptions): Promise<HttpAnswer>;
  delete(url: string, options?: HttpOptions): Promise<HttpAnswer>;
}

/** A tracker record. `fields` is the record's content; `version` grows with every change. */
export interface TrackerRecord {
  readonly id: string;
  readonly kind: string;
  readonly state: string;
  readonly fields: JsonObject;
  readonly version: number;
}

/** Records in the executor's own database. Given to a tool by the executor. */
export interface RecordPort {
  /** False when the id exists. */
  insert(record: TrackerRecord): Promise<boolean>;
  get(id: string): Promise<TrackerRecord | undefined>;
  /** Compare-and-set: false when the stored version is another. */
  replace(record: TrackerRecord, expectedVersion: number): Promise<boolean>;
  /** Newest first. */
  list(query: { readonly kind: string; readonly state?: string; readonly limit: number }): Promise<TrackerRecord[]>;
}

/** Publishes a task for another agent, signed by the executor and named after the call that asked (TIER-10). */
export interface TaskPort {
  submit(task: {
    readonly id: string;
    readonly agent: string;
    readonly title: string;
    readonly text: string;
  }): Promise<void>;
}

/**
 * What a tool gets besides its arguments. Credentials resolve here and nowhere else (S8).
 * `callId` is the same for every attempt at a call; `effectId` marks what leaves the house.
 */
export interface ToolContext {
  readonly callId: string;
  readonly effectId: string;
  readonly task: string;
  readonly agent: string;
  readonly http: HttpPort;
  /** A secret by name; only names that the tool declares. @throws BulkheadError `credential.missing|mode` */
  readonly credentials: (name: string) => Promise<string>;
  readonly records: RecordPort;
  readonly tasks: TaskPort;
  readonly clock: Clock;
  /** Aborted at the call's deadline. */
  readonly signal: AbortSignal;
}
