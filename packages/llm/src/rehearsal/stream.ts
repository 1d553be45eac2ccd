import type { Completion } from "./completion.ts";

/** A completion as server-sent events: one chunk with all of it, one with the finish reason, one with the usage. */
export function streamed({ id, created, model, choices, usage }: Completion): string {
  const frame = { id, object: "chat.completion.chunk", created, model };
  const chunks = choices.flatMap(({ index, message, finish_reason }) => {
    const tool_calls = message.tool_calls?.map((call, at) => ({ index: at, ...call }));
    const delta = { role: "assistant", content: message.content, ...(tool_calls && { tool_calls }) };
    return [
      { ...frame, choices: [{ index, delta, finish_reason: null }] },
      { ...frame, choices: [{ index, delta: {}, finish_reason }] },
    ];
  });
  const all = [...chunks, { ...frame, choices: [], usage }];
  return `${all.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join("")}data: [DONE]\n\n`;
}
