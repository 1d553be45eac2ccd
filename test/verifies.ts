import { test } from "vitest";
import type { RequirementId } from "./requirements.ts";

/**
 * A vitest test that shows requirements: `verifies("TIER-01", "an undeclared tool is refused", async () => { … })`.
 * The ids become part of the test's name. `requirements.test.ts` finds them by reading the files, so they must be literals.
 * Unit tests beside the source cannot import this file; they put the ids at the start of their title: `test("TIER-01: …")`.
 */
export function verifies(
  ids: RequirementId | readonly RequirementId[],
  behaviour: string,
  body: () => void | Promise<void>,
  timeoutMs?: number,
): void {
  const names = typeof ids === "string" ? ids : ids.join(" ");
  test(`${names}: ${behaviour}`, body, timeoutMs);
}
