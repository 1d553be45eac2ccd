import { type Conversation, isObject, type PastCall } from "./conversation.ts";

const MAX_CODE = 80;

/** The final text: what was done, and what was refused or failed and why, counted by tool. */
export function reportOf({ calls }: Conversation): string {
  if (calls.length === 0) return "There was nothing in this task that one of the tools can do.";
  const done = countBy(
    calls.filter(({ failed, text }) => !failed && text !== undefined),
    ({ tool }) => tool,
  );
  const failed = countBy(
    calls.filter((call) => call.failed),
    (call) => `${call.tool} (${reasonOf(call)})`,
  );
  const open = countBy(
    calls.filter(({ text }) => text === undefined),
    ({ tool }) => tool,
  );
  return [sentence("Done", done), sentence("Not done", failed), sentence("Still waiting", open)]
    .filter(Boolean)
    .join(" ");
}

function sentence(lead: string, counts: readonly string[]): string {
  return counts.length > 0 ? `${lead}: ${counts.join(", ")}.` : "";
}

function countBy(calls: readonly PastCall[], key: (call: PastCall) => string): string[] {
  return [...Map.groupBy(calls, key)].map(([name, each]) => `${name} ${each.length}×`);
}

function reasonOf({ result }: PastCall): string {
  const said = isObject(result)
    ? (result.code ?? (isObject(result.error) ? result.error.code : result.error) ?? result.status)
    : result;
  return (typeof said === "string" ? said : "failed").split("\n")[0]?.slice(0, MAX_CODE) ?? "failed";
}
