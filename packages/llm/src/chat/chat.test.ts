import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RehearsalModel, startRehearsalModel } from "../rehearsal/server.ts";
import { type Chat, createChat } from "./chat.ts";
import { costNothing } from "./failures.ts";
import type { ChatTool } from "./tokens.ts";

let model: RehearsalModel;
beforeAll(async () => {
  model = await startRehearsalModel();
});
afterAll(() => model[Symbol.asyncDispose]());

const NOTES: ChatTool = {
  name: "notes-list",
  description: "Lists notes.",
  parameters: { type: "object", properties: {}, additionalProperties: false },
};
const ASKED = { messages: [{ role: "user" as const, text: "List the notes." }], tools: [NOTES] };

const chat = (name: string, url = model.url, timeoutMs = 5_000): Chat =>
  createChat({ baseUrl: url, apiKey: "sk-canary", model: name, maxOutputTokens: 500, timeoutMs });

async function serve(
  handler: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<{ url: string; [Symbol.asyncDispose](): Promise<void> }> {
  const server = createServer(handler).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  return {
    url,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test("an answer has text, calls, usage and a finish reason", async () => {
  const answer = await chat("rehearsal").ask(ASKED);
  expect(answer).toMatchObject({ text: "", toolCalls: [{ name: "notes-list", args: {} }], finishReason: "tool-calls" });
  expect(answer.usage?.input).toBeGreaterThan(10);
  expect(answer.usage?.output).toBeGreaterThan(0);
  expect(answer.latencyMs).toBeGreaterThanOrEqual(0);
});

test("arguments that are no JSON object are handed on raw, and can be told back to the model", async () => {
  const broken = await chat("rehearsal-invalid-json").ask(ASKED);
  expect(broken.toolCalls).toMatchObject([{ args: null, raw: expect.stringContaining("oops") as string }]);
  const messages = [
    ...ASKED.messages,
    { role: "assistant" as const, text: "", toolCalls: [...broken.toolCalls] },
    { role: "tool" as const, toolCallId: broken.toolCalls[0]?.id ?? "", text: "Failed (args.invalid)" },
  ];
  expect((await chat("rehearsal-invalid-json").ask({ ...ASKED, messages })).finishReason).toBe("tool-calls");
});

test.each([
  ["rehearsal-empty", "model.malformed", false],
  ["rehearsal-garbage", "model.malformed", false],
  ["rehearsal-error", "model.unreachable", false],
  ["rehearsal-cut", "model.unreachable", false],
  ["rehearsal-flood", "model.malformed", false],
  ["rehearsal-refuses", "model.refused", true],
])("%s is told as %s", async (name, code, free) => {
  const error: unknown = await chat(name)
    .ask(ASKED)
    .catch((caught: unknown) => caught);
  expect(error).toMatchObject({ code });
  expect(costNothing(error)).toBe(free);
});

test("nobody listening costs nothing; no answer in time may have cost something", async () => {
  const gone = await startRehearsalModel();
  await gone[Symbol.asyncDispose]();
  const unreachable: unknown = await chat("rehearsal", gone.url)
    .ask(ASKED)
    .catch((caught: unknown) => caught);
  expect(unreachable).toMatchObject({ code: "model.unreachable" });
  expect(costNothing(unreachable)).toBe(true);
  const late: unknown = await chat("rehearsal-slow-2000", model.url, 100)
    .ask(ASKED)
    .catch((caught: unknown) => caught);
  expect(late).toMatchObject({ code: "model.unreachable" });
  expect(costNothing(late)).toBe(false);
});

test("an aborted call rejects with the signal's reason", async () => {
  const stop = new AbortController();
  const asked = chat("rehearsal-slow-2000").ask({ ...ASKED, signal: stop.signal });
  stop.abort(new Error("stopped"));
  await expect(asked).rejects.toThrow("stopped");
});

test("S1: what is sent is text and function tools, one try, under the output limit", async () => {
  const sent: string[] = [];
  await using server = await serve((request, response) => {
    void text(request).then((body) => {
      sent.push(body);
      response.writeHead(500).end("{}");
    });
  });
  await expect(chat("m", server.url).ask({ ...ASKED, maxOutputTokens: 90 })).rejects.toMatchObject({
    code: "model.unreachable",
  });
  expect(sent).toHaveLength(1);
  const body = JSON.parse(sent[0] ?? "") as Record<string, unknown>;
  expect(body).toMatchObject({ model: "m", max_tokens: 90, messages: [{ role: "user", content: "List the notes." }] });
  expect(body["tools"]).toEqual([
    { type: "function", function: { name: NOTES.name, description: NOTES.description, parameters: NOTES.parameters } },
  ]);
});

test("CRED-01: a redirect is not followed with the key", async () => {
  const reached: (string | undefined)[] = [];
  await using other = await serve((request, response) => {
    reached.push(request.headers.authorization);
    response.end("{}");
  });
  await using server = await serve((_, response) =>
    response.writeHead(307, { location: `${other.url}/chat/completions` }).end(),
  );
  await expect(chat("m", server.url).ask(ASKED)).rejects.toMatchObject({
    code: expect.stringMatching(/^model\./) as string,
  });
  expect(reached).toEqual([]);
});
