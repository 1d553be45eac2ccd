import type { Scope } from "@bulkhead/schemas";
import type { Stop } from "../control/change.ts";
import type { Switches } from "../control/read.ts";
import { type Paint, shown, timeOf } from "./terminal.ts";

/** What a stop is about, in words. */
export function nameOfScope(scope: Scope): string {
  if (scope.kind === "all") return "everything";
  return `the ${scope.kind === "toolset" ? "tool set" : scope.kind} ${scope.name}`;
}

/** A stop in one line. */
export function describeStop({ id, scope, reason, at }: Stop): string {
  return `  ${id}  ${nameOfScope(scope)}, since ${timeOf(at)}: ${shown(reason)}`;
}

/** What is stopped, in which mode, and who is revoked. */
export function describeSwitches(switches: Switches, paint: Paint): string {
  const { mode, stops, alsoObeyed, revoked, doubtful, fresh } = switches;
  const held = [...stops.map(describeStop), ...alsoObeyed.map((id) => `  ${id}  (named by those who obey it)`)];
  return [
    `stops     ${held.length === 0 ? "none" : paint.red(`${held.length} in force; to lift: npx bulkhead resume ID`)}`,
    ...held.map((line) => paint.red(line)),
    `mode      ${mode === "observe" ? paint.yellow("observe: no effect runs") : mode}`,
    ...(revoked.length > 0 ? [paint.red(`revoked   ${revoked.join(", ")}`)] : []),
    ...(doubtful.length > 0 ? [paint.red(`control   ${doubtful.join(", ")} cannot be verified: no effect runs`)] : []),
    ...(fresh ? [] : [paint.red("control   the watchdog's beat is missing or stale: no effect runs")]),
  ].join("\n");
}
