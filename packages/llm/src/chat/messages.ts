import type { ModelMessage, ModelToolCall } from "@bulkhead/schemas";
import { AIMessage, type BaseMessage, HumanMessage, SystemMessage, ToolMessage } from "@langchain/core/messages";
import type { ToolCall } from "@langchain/core/messages/tool";

/** The closed contract's messages as LangChain's. Text only: nothing in them is a URL that a provider would fetch. */
export function toLangChain(message: ModelMessage): BaseMessage {
  switch (message.role) {
    case "system":
      return new SystemMessage(message.text);
    case "user":
      return new HumanMessage(message.text);
    case "tool":
      return new ToolMessage({ content: message.text, tool_call_id: message.toolCallId });
    case "assistant":
      return new AIMessage({ content: message.text, tool_calls: message.toolCalls.map(toolCall) });
  }
}

/** Every call is handed back, so that each answer finds its own; unreadable arguments come back as none. */
function toolCall({ id, name, args }: ModelToolCall): ToolCall {
  return { type: "tool_call", id, name, args: args ?? {} };
}
