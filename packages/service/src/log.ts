import { type Logger, pino } from "pino";

export type { Logger } from "pino";

const secrets = [
  "busSeed",
  "signingSeed",
  "password",
  "apiKey",
  "credential",
  "*.busSeed",
  "*.signingSeed",
  "*.password",
  "*.apiKey",
  "args",
  "text",
  "*.text",
];

/** A service's log: JSON lines on standard error, ids in the record, secrets and client text redacted wherever they might slip in. */
export function createLog(identity: string, level: string): Logger {
  return pino(
    { level, base: { service: identity }, redact: { paths: secrets, censor: "[redacted]" } },
    pino.destination({ dest: 2, sync: true }),
  );
}
