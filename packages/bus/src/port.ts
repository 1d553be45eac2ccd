import type { Envelope } from "@bulkhead/core";
import type { BodyOf, CONTRACTS, ContractName, ReplyOf } from "@bulkhead/schemas";

type NameOfKind<K extends string> = {
  [N in ContractName]: (typeof CONTRACTS)[N]["kind"] extends K ? N : never;
}[ContractName];

/** A contract that is asked and answered. */
export type RequestName = NameOfKind<"request">;
/** A contract whose messages a stream keeps. */
export type StreamContract = NameOfKind<"stream">;
/** A contract whose messages are hints or beats: sent, perhaps received. */
export type BroadcastName = NameOfKind<"broadcast">;

/** Values of a subject's placeholders. A process's own name is filled in by the bus. */
export type SubjectValues = Readonly<Record<string, string>>;

/** A message whose signature, issuer, subject and shape have been checked. */
export interface OpenedMessage<N extends ContractName> {
  readonly body: BodyOf<N>;
  /** Who signed it. */
  readonly issuer: string;
  /** The envelope's id and time (epoch ms). */
  readonly id: string;
  readonly at: number;
  /** The placeholders' values in its subject. */
  readonly values: SubjectValues;
  /** What was signed, for whoever must show it to others. */
  readonly envelope: Envelope;
}

/** A checked message that is being worked on. */
export interface Received<N extends ContractName> extends OpenedMessage<N> {
  /** Aborts when the bus closes. */
  readonly signal: AbortSignal;
}

/** A hint or beat. The issuer is known only of contracts that are signed. */
export interface Heard<N extends BroadcastName> {
  readonly body: BodyOf<N>;
  readonly values: SubjectValues;
  readonly issuer?: string;
}

/** A message of a stream, as it lies there. */
export interface StreamMessage<N extends StreamContract> {
  /** Verifies signature, issuer, subject and shape; its age is not limited. @throws BulkheadError `envelope.*|schema.invalid|json.*` */
  open(): OpenedMessage<N>;
  readonly subject: string;
  readonly values: SubjectValues;
  readonly data: Uint8Array;
  /** Its sequence in the stream. */
  readonly seq: number;
  /** When the stream took it (epoch ms). */
  readonly at: number;
  /** 1 at the first delivery. */
  readonly deliveries: number;
  readonly signal: AbortSignal;
}

/** How to ask. */
export interface RequestOptions {
  readonly values?: SubjectValues;
  /** How long one attempt waits: at most and by default 2 s. */
  readonly timeoutMs?: number;
  /** How often the same bytes are sent before giving up: 1 by default. */
  readonly attempts?: number;
  /** The envelope's id; a fresh one by default. All attempts have the same. */
  readonly id?: string;
  /** The envelope's time (epoch ms), for a caller that must know it; now by default. */
  readonly at?: number;
  readonly signal?: AbortSignal;
}

/** How to serve or consume. */
export interface ServeOptions {
  /** Messages in hand at one time: 64 by default. */
  readonly concurrency?: number;
}

/** How to consume a stream. */
export interface ConsumeOptions<N extends StreamContract> extends ServeOptions {
  /** Deliveries after which an unexpected failure is final: 5 by default. Errors that say `retry` never are. */
  readonly maxDeliveries?: number;
  /** Takes what cannot be processed. The message leaves the consumer when this resolves. Without it, it is dropped and reported. */
  readonly deadLetter?: (message: StreamMessage<N>, error: unknown) => Promise<void>;
}

/** A stream's acknowledgement. */
export interface Published {
  readonly stream: string;
  readonly seq: number;
}

/** How to publish. */
export interface PublishOptions {
  readonly values?: SubjectValues;
  readonly timeoutMs?: number;
  /** The envelope's id; a fresh one by default. */
  readonly id?: string;
  /** For timers: when it is delivered to its owner (epoch ms). A timer of the same name replaces the earlier one. */
  readonly dueAt?: number;
}

/** One key's newest value in a bucket. */
export interface BucketEntry {
  readonly key: string;
  readonly data: Uint8Array;
  readonly revision: number;
}

/** A key-value bucket. Reads come from the stream's leader, never from a replica that may lag behind (design §7). */
export interface Bucket {
  /** The key's value, or undefined. @throws BulkheadError `bus.*`: then nothing is known, and nothing may be assumed */
  get(key: string): Promise<BucketEntry | undefined>;
  /** All keys that match (`*` and `>` allowed). */
  list(filter?: string): Promise<readonly BucketEntry[]>;
  /** Writes; with `expectedRevision` (0 = the key is new) only then. @throws BulkheadError `bus.conflict` */
  put(key: string, data: Uint8Array, expectedRevision?: number): Promise<number>;
  /** Calls back with every value: the present ones first (unless `initial` is false), then every change, again after a reconnect. */
  watch(filter: string, onEntry: (entry: BucketEntry) => void, options?: { readonly initial?: boolean }): Promise<void>;
}

/**
 * The bus, as the rest of the system sees it. Every message is a signed envelope (except where its contract says otherwise);
 * every error is a `BulkheadError` with a `bus.*` code, or the one that the other side answered.
 */
export interface Bus extends AsyncDisposable {
  /**
   * Signs `body`, asks, and gives the checked reply. The same bytes are sent again up to `attempts` times.
   * @throws BulkheadError `bus.timeout|no-responder|unavailable|permission|oversize`, or the answered code
   */
  request<N extends RequestName>(name: N, body: BodyOf<N>, options?: RequestOptions): Promise<ReplyOf<N>>;
  /** Serves a contract in this identity's queue group. A handler's error goes back as its code, never with a stack. */
  serve<N extends RequestName>(
    name: N,
    handler: (request: Received<N>) => Promise<ReplyOf<N>>,
    options?: ServeOptions,
  ): void;
  /** Signs and publishes, and waits for the stream's acknowledgement. @throws BulkheadError `bus.unavailable|duplicate|stream|…` */
  publish<N extends StreamContract>(name: N, body: BodyOf<N>, options?: PublishOptions): Promise<Published>;
  /** Takes the messages of the durable consumer of this identity on the contract's stream, each until the handler is done with it. */
  consume<N extends StreamContract>(
    name: N,
    handler: (message: StreamMessage<N>) => Promise<void>,
    options?: ConsumeOptions<N>,
  ): void;
  /** Sends a hint or beat. Whether anyone heard it is not known. */
  send<N extends BroadcastName>(name: N, body: BodyOf<N>, values?: SubjectValues): void;
  /** Hears hints or beats. Those that do not verify are reported and dropped. */
  hear<N extends BroadcastName>(name: N, handler: (message: Heard<N>) => void): void;
  /** A bucket: `control` or `labels`. */
  bucket(name: "control" | "labels"): Bucket;
}
