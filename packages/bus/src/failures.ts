import { BulkheadError, isBulkheadError } from "@bulkhead/core";
import { errors } from "@nats-io/transport-node";

/** The `BulkheadError` for whatever the NATS client throws. */
export function busError(error: unknown): BulkheadError {
  if (isBulkheadError(error)) return error;
  const root = error instanceof errors.RequestError && error.cause instanceof Error ? error.cause : error;
  return new BulkheadError(codeOf(root), undefined, { cause: error });
}

function codeOf(error: unknown) {
  if (error instanceof errors.TimeoutError) return "bus.timeout";
  if (error instanceof errors.NoRespondersError) return "bus.no-responder";
  if (error instanceof errors.PermissionViolationError) return "bus.permission";
  if (error instanceof errors.AuthorizationError) return isLate(error) ? "bus.unavailable" : "bus.unauthorized";
  if (error instanceof errors.InvalidArgumentError && error.message.includes("max_payload")) return "bus.oversize";
  return "bus.unavailable";
}

/** On a busy machine the server gives up waiting for a signature that was about to come. */
function isLate(error: Error): boolean {
  return /authentication timeout/i.test(error.message);
}
