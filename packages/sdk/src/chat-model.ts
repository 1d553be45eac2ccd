import { ContentRef, type ModelToolCall, type PipeMessage } from "@bulkhead/schemas";
import {
  BaseChatModel,
  type BaseChatModelCallOptions,
  type BindToolsInput,
} from "@langchain/core/language_models/chat_models";
import {
  AIMessage,
  type AIMessageFields,
  type BaseMessage,
  SystemMessage,
  ToolMessage,
} from "@langchain/core/messages";
import type { ChatResult } from "@langchain/core/outputs";
import type { Answer, TaskSession } from "./session.ts";

/** Options of one call of a `BulkheadChatModel`. */
export interface BulkheadCallOptions extends BaseChatModelCallOptions {
  /** Names of the tools that the model may ask for. */
  readonly toolNames?: readonly string[];
  /** The most tokens that the answer may have; the policy's limit holds besides. */
  readonly maxOutputTokens?: number;
}

/**
 * LangChain's chat model over the pipe: which model answers, its key and its price are the runtime's. An answer is durable before
 * it is returned, and an agent that runs again after a crash gets the recorded answers first.
 *
 * Errors: `PipeError` with a stable code, for example `budget.exhausted` or `limits.steps`.
 */
export class BulkheadChatModel extends BaseChatModel<BulkheadCallOptions> {
  private readonly session: TaskSession;

  constructor(session: TaskSession) {
    super({ maxRetries: 0, cache: false });
    this.session = session;
  }

  override _llmType(): string {
    return "bulkhead";
  }

  /** Names tools; what they are is in the policy. */
  override bindTools(tools: BindToolsInput[], options?: Partial<BulkheadCallOptions>) {
    return this.withConfig({ ...options, toolNames: tools.map(nameOf) });
  }

  override async _generate(messages: BaseMessage[], options: this["ParsedCallOptions"]): Promise<ChatResult> {
    const { toolNames = [], maxOutputTokens } = options;
    const answer = await this.session.ask({ messages: messages.map(toPipe), tools: toolNames, maxOutputTokens });
    const message = fromAnswer(answer);
    return { generations: [{ text: answer.answer.text, message }] };
  }
}

function nameOf(tool: BindToolsInput): string {
  const { name } = tool as { name?: unknown };
  if (typeof name !== "string") throw new TypeError("a tool without a name");
  return name;
}

function fromAnswer({ step, ref, answer, usage }: Answer): AIMessage {
  const valid = answer.toolCalls.filter((call) => call.args !== null);
  const invalid = answer.toolCalls.filter((call) => call.args === null);
  const { inputTokens, outputTokens } = usage;
  const fields = {
    content: answer.text,
    tool_calls: valid.map(({ id, name, args }) => ({ type: "tool_call" as const, id, name, args: { ...args } })),
    invalid_tool_calls: invalid.map(toInvalid),
    response_metadata: { step, ...(ref === undefined ? {} : { ref }) },
    usage_metadata: {
      input_tokens: inputTokens,
      output_tokens: outputTokens,
      total_tokens: inputTokens + outputTokens,
    },
  };
  return new AIMessage(fields as unknown as AIMessageFields);
}

function toInvalid({ id, name, raw = "" }: ModelToolCall) {
  return { type: "invalid_tool_call" as const, id, name, args: raw, error: "no JSON object" };
}

function toPipe(message: BaseMessage): PipeMessage {
  if (AIMessage.isInstance(message)) return assistant(message);
  if (ToolMessage.isInstance(message)) return tool(message);
  return { role: SystemMessage.isInstance(message) ? "system" : "user", text: message.text };
}

function assistant(message: AIMessage): PipeMessage {
  const ref = ContentRef.safeParse(message.response_metadata["ref"]);
  if (ref.success) return { role: "assistant", ref: ref.data };
  const valid = (message.tool_calls ?? []).map(({ id = "", name, args }) => ({ id, name, args }));
  const invalid = (message.invalid_tool_calls ?? []).map(({ id = "", name = "", args = "" }) => ({
    id,
    name,
    args: null,
    raw: args,
  }));
  return { role: "assistant", text: message.text, toolCalls: [...valid, ...invalid] };
}

function tool(message: ToolMessage): PipeMessage {
  const artifact = message.artifact as { ref?: unknown } | undefined;
  const ref = ContentRef.safeParse(artifact?.ref);
  const toolCallId = message.tool_call_id;
  return ref.success ? { role: "tool", toolCallId, ref: ref.data } : { role: "tool", toolCallId, text: message.text };
}
