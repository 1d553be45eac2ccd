import { BulkheadError } from "@bulkhead/core";

const NEVER_SENT = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"]);
const MAX_CAUSES = 8;

/** The typed form of whatever a provider's client throws: `model.unreachable|refused|malformed`. */
export function toModelError(cause: unknown): BulkheadError {
  const status = statusOf(cause);
  if (status !== undefined)
    return new BulkheadError(isBusy(status) ? "model.unreachable" : "model.refused", `(HTTP ${status})`, { cause });
  const code = isTransport(cause) ? "model.unreachable" : "model.malformed";
  return new BulkheadError(code, undefined, { cause });
}

/** True only if the request certainly cost nothing: it was never sent, or refused with an HTTP 4xx. All else counts in full (S7). */
export function costNothing(error: unknown): boolean {
  return chain(error).some((each) => {
    const status = statusOf(each);
    return NEVER_SENT.has(codeOf(each)) || (status !== undefined && status >= 400 && status < 500);
  });
}

function isBusy(status: number): boolean {
  return status === 408 || status === 429 || status >= 500;
}

function isTransport(error: unknown): boolean {
  return chain(error).some(
    (each) =>
      /^E[A-Z_]+$|^UND_ERR/.test(codeOf(each)) ||
      /Connection|Timeout|Abort/.test(nameOf(each)) ||
      nameOf(each) === "TypeError: fetch",
  );
}

function chain(error: unknown): unknown[] {
  const all: unknown[] = [];
  for (let each = error; each instanceof Error && all.length < MAX_CAUSES; each = each.cause) all.push(each);
  return all;
}

function statusOf(error: unknown): number | undefined {
  const status = (error as { status?: unknown } | undefined)?.status;
  return typeof status === "number" ? status : undefined;
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === "string" ? code : "";
}

function nameOf(error: unknown): string {
  return error instanceof Error ? `${error.name} ${error.constructor.name}` : "";
}
