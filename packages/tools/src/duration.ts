import { BulkheadError } from "@bulkhead/core";

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A span such as `"30d"`, `"15m"`, `"500ms"` in milliseconds; a number is milliseconds already. @throws BulkheadError `config.invalid` */
export function durationMs(span: string | number): number {
  if (typeof span === "number") return span;
  const [, count, unit] = /^(\d{1,6})(ms|s|m|h|d)$/.exec(span) ?? [];
  const factor = UNITS[unit ?? ""];
  if (count === undefined || factor === undefined)
    throw new BulkheadError("config.invalid", `(${span} is not a duration such as 30d, 12h or 15m)`);
  return Number(count) * factor;
}
