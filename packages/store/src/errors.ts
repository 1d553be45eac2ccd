import { BulkheadError, isBulkheadError } from "@bulkhead/core";
import {
  MongoError,
  MongoInvalidArgumentError,
  MongoParseError,
  MongoServerError,
  MongoWriteConcernError,
} from "mongodb";

const DUPLICATE_KEY = 11000;
const INVALID_DOCUMENT = 121;
const UNAUTHORIZED = new Set([13, 18, 8000]);

/** Whether the server refused a write because a unique key is taken. */
export function isDuplicateKey(error: unknown): error is MongoServerError {
  return error instanceof MongoServerError && error.code === DUPLICATE_KEY;
}

/** Whether the server refused a command because this user may not run it. */
export function isUnauthorized(error: unknown): boolean {
  return error instanceof MongoServerError && UNAUTHORIZED.has(Number(error.code));
}

/** The typed error of a driver error. What is not known to be final is `store.unavailable`, which is asked again with the same id. */
export function storeError(error: unknown): BulkheadError {
  if (isBulkheadError(error)) return error;
  const cause = { cause: error };
  if (isDuplicateKey(error)) return new BulkheadError("store.conflict", undefined, cause);
  if (isUnauthorized(error)) return new BulkheadError("forbidden", "(the database refuses this user)", cause);
  if (error instanceof MongoWriteConcernError) return new BulkheadError("store.unavailable", undefined, cause);
  if (error instanceof MongoServerError && error.code === INVALID_DOCUMENT)
    return new BulkheadError("store.document", "(refused by the database)", cause);
  if (error instanceof MongoInvalidArgumentError || error instanceof MongoParseError)
    return new BulkheadError("internal", undefined, cause);
  return new BulkheadError(error instanceof MongoError ? "store.unavailable" : "internal", undefined, cause);
}

/** Runs a driver call; what it throws is typed. */
export async function typed<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw storeError(error);
  }
}
