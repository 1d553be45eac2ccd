import type { PipeStart } from "@bulkhead/schemas";
import type { DynamicStructuredTool } from "@langchain/core/tools";
import type { BulkheadChatModel } from "./chat-model.ts";

/** What an own agent gets to work with: its task, a model and tools that go through the pipe, and nothing else. */
export interface AgentContext {
  /** The task: `text` is trusted only if `trusted`; attachments are quoted material, always. */
  readonly task: PipeStart["task"];
  /** Its name and what the policy says it is for. */
  readonly agent: PipeStart["agent"];
  /** LangChain's chat model; bind `tools` to it. */
  readonly model: BulkheadChatModel;
  /** LangChain tools, one for each tool that the policy gives to this agent. */
  readonly tools: DynamicStructuredTool[];
  /** Aborts when the task is cancelled. */
  readonly signal: AbortSignal;
}

/** An agent of one's own. */
export interface AgentDefinition {
  /**
   * Works on one task and returns its result, at most 64 KiB. After a crash, and when a human has decided, it runs again from its start in a
   * new process, and gets the recorded answers and results under the same ids: so it must ask for the same things in the same order.
   */
  run(context: AgentContext): Promise<string>;
}

/** Defines an agent that runs in a worker in place of the built-in loop. Hand it to `runWorker` in the worker's file. */
export function defineAgent(definition: AgentDefinition): AgentDefinition {
  return definition;
}
