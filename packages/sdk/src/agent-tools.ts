import type { PipeCallOutcome, PipeTool } from "@bulkhead/schemas";
import { DynamicStructuredTool } from "@langchain/core/tools";
import { PipeError } from "./pipe-error.ts";
import type { Place, TaskSession } from "./session.ts";

/** How a call is made: `session.callOrPark` for an own agent, `session.call` for one that parks by itself. */
export type MakeCall = (place: Place, tool: string, args: Record<string, unknown>) => Promise<PipeCallOutcome>;

/** Thrown by a tool whose call waits for a human, by agents that park by themselves. */
export class CallWaiting extends Error {
  override readonly name = "CallWaiting";
}

/** The agent's tools as LangChain tools over the pipe: each call is decided, recorded and executed elsewhere. A refusal is a text for the model. */
export function bulkheadTools(
  session: TaskSession,
  make: MakeCall = session.callOrPark.bind(session),
): DynamicStructuredTool[] {
  return session.start.tools.map((contract) => toolOf(contract, session, make));
}

function toolOf(
  { name, description, inputSchema }: PipeTool,
  session: TaskSession,
  make: MakeCall,
): DynamicStructuredTool {
  return new DynamicStructuredTool({
    name,
    description,
    schema: inputSchema,
    responseFormat: "content_and_artifact",
    func: async (args: Record<string, unknown>, _run, config) => {
      const place = session.place(toolCallIdOf(config));
      if (place === undefined)
        throw new PipeError("worker.protocol", "A tool is called only with a tool call of the model.");
      const outcome = await make(place, name, args);
      if (outcome.status === "waiting") throw new CallWaiting();
      return [textOf(outcome), outcome.status === "done" ? { ref: outcome.ref } : { code: outcome.code }];
    },
  });
}

function toolCallIdOf(config: unknown): string {
  const { toolCall } = (config ?? {}) as { toolCall?: { id?: string } };
  return toolCall?.id ?? "";
}

function textOf(outcome: Exclude<PipeCallOutcome, { status: "waiting" }>): string {
  if (outcome.status === "done") return outcome.text;
  if (outcome.status === "unknown")
    return `Unknown (${outcome.code}): it may or may not have happened. A person looks after it; do not repeat it.`;
  if (outcome.status === "failed") return `Failed (${outcome.code}): ${outcome.message}`;
  const reason = outcome.reason === undefined ? "" : ` Reason given: ${outcome.reason}`;
  return `Refused (${outcome.code}): ${outcome.message}${reason}`;
}
