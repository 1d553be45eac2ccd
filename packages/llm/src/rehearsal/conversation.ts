import { z } from "zod";

const ToolCall = z.looseObject({
  id: z.string(),
  function: z.looseObject({ name: z.string(), arguments: z.string() }),
});
const Part = z.looseObject({ text: z.string().optional() });
const Content = z.union([z.string(), z.array(Part), z.null()]).optional();
/** A request in the chat-completions format, as far as this model reads one. */
export const CompletionRequest = z.looseObject({
  model: z.string().max(200),
  messages: z
    .array(
      z.looseObject({
        role: z.string(),
        content: Content,
        tool_calls: z.array(ToolCall).nullish(),
        tool_call_id: z.string().optional(),
      }),
    )
    .max(5_000),
  tools: z
    .array(
      z.looseObject({
        function: z.looseObject({
          name: z.string(),
          description: z.string().optional(),
          parameters: z.unknown().optional(),
        }),
      }),
    )
    .nullish(),
  max_tokens: z.number().nullish(),
  max_completion_tokens: z.number().nullish(),
  stream: z.boolean().nullish(),
});
export type CompletionRequest = z.infer<typeof CompletionRequest>;

/** A call that this model made earlier in the conversation, and what came back. */
export interface PastCall {
  readonly id: string;
  readonly tool: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly text: string | undefined;
  readonly result: unknown;
  readonly failed: boolean;
}

/** Everything that the planner knows: there is no memory but the conversation itself. */
export interface Conversation {
  readonly system: string;
  readonly task: string;
  readonly calls: readonly PastCall[];
}

/** Reads the conversation of a request. */
export function readConversation({ messages }: CompletionRequest): Conversation {
  const textsOf = (...roles: string[]): string =>
    messages
      .filter(({ role }) => roles.includes(role))
      .map(({ content }) => textOf(content))
      .join("\n\n");
  const answers = new Map(
    messages.filter(({ role }) => role === "tool").map((each) => [each.tool_call_id ?? "", textOf(each.content)]),
  );
  const calls = messages
    .flatMap(({ tool_calls: made }) => made ?? [])
    .map((call) => pastCall(call, answers.get(call.id)));
  return { system: textsOf("system", "developer"), task: textsOf("user"), calls };
}

function pastCall(call: z.infer<typeof ToolCall>, text: string | undefined): PastCall {
  const result = text === undefined ? undefined : parse(unwrap(text));
  const args = parse(call.function.arguments);
  return {
    id: call.id,
    tool: call.function.name,
    args: isObject(args) ? args : {},
    text,
    result,
    failed: text !== undefined && isFailure(result),
  };
}

/** A JSON object. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The JSON value of a text, or the text. */
export function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** Results may come between markers (`<untrusted-…>` lines): what counts is inside. */
function unwrap(text: string): string {
  const bare = text
    .replace(/^\s*(?:<[^\n>]{1,200}>|[^\n{["]{0,200}:)\s*\n/, "")
    .replace(/\n\s*<\/[^\n>]{1,200}>\s*$/, "");
  const from = bare.search(/[{[]/);
  const json = from < 0 ? "" : bare.slice(from, Math.max(bare.lastIndexOf("}"), bare.lastIndexOf("]")) + 1);
  return isObject(parse(json)) || Array.isArray(parse(json)) ? json : bare;
}

function isFailure(result: unknown): boolean {
  if (typeof result === "string")
    return /^\s*(?:error|refused|failed|denied|unknown|the call (?:was|is|failed)|not (?:run|done|executed|permitted))\b/i.test(
      result,
    );
  if (!isObject(result)) return false;
  const { status, error } = result;
  return error !== undefined && error !== null
    ? true
    : typeof status === "string" && ["refused", "failed", "unknown", "denied"].includes(status);
}

function textOf(content: z.infer<typeof Content>): string {
  if (typeof content === "string") return content;
  return (content ?? []).map((part) => part.text ?? "").join("\n");
}
