import { toWire } from "@bulkhead/core";
import { type BudgetDocument, type ControlValue, subjectOf } from "@bulkhead/schemas";
import type { Runtime } from "@bulkhead/service";

/** Shows an agent's account to everyone who decides, signed, in KV `control`. The next change repeats what could not be written. */
export function projectBudgets({
  bus,
  sign,
  log,
}: Pick<Runtime, "bus" | "sign" | "log">): (own: BudgetDocument, all: BudgetDocument | undefined) => void {
  const bucket = bus.bucket("control");
  const encoder = new TextEncoder();
  return (own, all) => {
    const { agent, day, heldMicros, spentMicros, capMicros } = own;
    if (agent === undefined) return;
    const exhausted = heldMicros >= capMicros || (all !== undefined && all.heldMicros >= all.capMicros);
    const reservedMicros = Math.max(0, heldMicros - spentMicros);
    const value: ControlValue = { kind: "budget", agent, day, spentMicros, reservedMicros, capMicros, exhausted };
    const key = subjectOf("controlBudget", { agent }).slice("$KV.control.".length);
    bucket.put(key, encoder.encode(JSON.stringify(sign("control", value)))).catch((error: unknown) => {
      log.warn({ agent, ...toWire(error) }, "budget not shown");
    });
  };
}
