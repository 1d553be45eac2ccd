import { type Disposition, ERROR_CODES, type ErrorCode, isErrorCode } from "./error-codes.ts";
import { escapeControl } from "./escape.ts";

const MAX_MESSAGE_LENGTH = 300;

/** What crosses the bus of an error: a code of the table and one sentence. Never a stack, never a cause. */
export interface WireError {
  readonly code: ErrorCode;
  readonly message: string;
}

/**
 * The one error of the runtime.
 *
 * `detail` is written by trusted code and may cross the bus (for example which argument is wrong); put everything
 * else into `cause`, which stays in the process.
 */
export class BulkheadError extends Error {
  override readonly name = "BulkheadError";
  readonly code: ErrorCode;
  readonly disposition: Disposition;

  constructor(code: ErrorCode, detail?: string, options?: ErrorOptions) {
    super(detail === undefined ? ERROR_CODES[code].text : `${ERROR_CODES[code].text} ${detail}`, options);
    this.code = code;
    this.disposition = ERROR_CODES[code].disposition;
  }
}

/** Whether `error` is a `BulkheadError`, of one of `codes` if any are given. */
export function isBulkheadError(error: unknown, ...codes: readonly ErrorCode[]): error is BulkheadError {
  return error instanceof BulkheadError && (codes.length === 0 || codes.includes(error.code));
}

/** The form in which an error may leave the process. Anything unknown becomes `internal` with the table's text. */
export function toWire(error: unknown): WireError {
  if (!isBulkheadError(error)) return { code: "internal", message: ERROR_CODES.internal.text };
  return { code: error.code, message: escapeControl(error.message).slice(0, MAX_MESSAGE_LENGTH).toWellFormed() };
}

/** Reads a wire error. Never throws: an unknown code becomes `internal`. */
export function fromWire(wire: unknown): BulkheadError {
  const { code, message } = (typeof wire === "object" && wire !== null ? wire : {}) as {
    code?: unknown;
    message?: unknown;
  };
  if (!isErrorCode(code)) return new BulkheadError("internal");
  return new BulkheadError(code, remoteDetail(code, message));
}

function remoteDetail(code: ErrorCode, message: unknown): string | undefined {
  if (typeof message !== "string" || message === ERROR_CODES[code].text) return undefined;
  const prefix = `${ERROR_CODES[code].text} `;
  const detail = message.startsWith(prefix) ? message.slice(prefix.length) : message;
  return escapeControl(detail).slice(0, MAX_MESSAGE_LENGTH);
}

/** `error` itself if it is a `BulkheadError`, else one of `code` with `error` as its cause. */
export function asBulkheadError(error: unknown, code: ErrorCode = "internal"): BulkheadError {
  return isBulkheadError(error) ? error : new BulkheadError(code, undefined, { cause: error });
}
