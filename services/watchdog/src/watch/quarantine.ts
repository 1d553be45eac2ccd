import { BulkheadError, canonical, isBulkheadError } from "@bulkhead/core";
import type { Scope } from "@bulkhead/schemas";
import type { Watchdog } from "../port.ts";

const KEY = "quarantine";
const ATTEMPTS = 5;

/**
 * Adds to what is quarantined; there is no way to take anything away here. Resolves when it is written.
 *
 * @throws BulkheadError `bus.*` if it could not be written
 */
export async function quarantine({ bus, control, sign }: Pick<Watchdog, "bus" | "control" | "sign">, scope: Scope) {
  const bucket = bus.bucket("control");
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const revision = (await bucket.get(KEY))?.revision ?? 0;
    const present = control.view().get(KEY, "quarantine")?.scopes ?? [];
    if (present.some((one) => canonical(one) === canonical(scope))) return;
    const value = sign("control", { kind: "quarantine", scopes: [...present, scope] });
    try {
      await bucket.put(KEY, Buffer.from(JSON.stringify(value)), revision);
      return;
    } catch (error) {
      if (!isBulkheadError(error, "bus.conflict")) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100 * attempt));
    }
  }
  throw new BulkheadError("bus.conflict");
}
