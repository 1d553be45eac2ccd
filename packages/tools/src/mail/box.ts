/** A message as a mailbox knows it. `id` never comes from the message itself, so no sender can choose it. */
export interface BoxMessage {
  readonly id: string;
  readonly folder: string;
  readonly labels: readonly string[];
  readonly bytes: number;
  /** The beginning of the raw message: at least the headers, if they are of a sane size. */
  readonly head: Uint8Array;
}

/** A mailbox, whatever it is stored in. Seven members; every one may throw `adapter.failed` or `adapter.unreachable`. */
export interface Mailbox {
  /** Newest first. */
  list(folder: string, limit: number): Promise<readonly BoxMessage[]>;
  /** The raw message, at most `maxBytes` of it. @throws BulkheadError `adapter.failed` when there is none */
  read(id: string, maxBytes: number): Promise<BoxMessage & { readonly raw: Uint8Array }>;
  /** Adds and removes labels; returns those before. */
  label(id: string, add: readonly string[], remove: readonly string[]): Promise<readonly string[]>;
  /** Moves to a folder; returns the folder before and the id after. */
  move(id: string, folder: string): Promise<{ readonly from: string; readonly id: string }>;
  /** Puts a message of ours into a folder under its effect id. */
  append(folder: string, effectId: string, raw: Uint8Array): Promise<void>;
  /** Whether a folder holds the message of an effect. */
  find(folder: string, effectId: string): Promise<{ readonly id: string } | undefined>;
  remove(folder: string, effectId: string): Promise<void>;
}

/** The most of a message that is read: 25 MiB. What is beyond is cut off, and said to be. */
export const MAX_RAW_BYTES = 25 * 1024 * 1024;
/** The most of a message that is read for a list. */
export const HEAD_BYTES = 64 * 1024;
