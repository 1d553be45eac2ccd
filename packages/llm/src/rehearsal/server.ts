import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { Completion } from "./completion.ts";
import { CompletionRequest } from "./conversation.ts";
import { type Behaviour, behave, MISBEHAVING } from "./misbehave.ts";
import { streamed } from "./stream.ts";

/** A running rehearsal model. `url` is what an OpenAI client takes as its base URL. */
export interface RehearsalModel extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
}

const MAX_REQUEST_BYTES = 32 * 1024 * 1024;
const FLOOD_CHUNK = "x".repeat(64 * 1024);

/**
 * Starts the rehearsal model: a loopback server of the OpenAI chat-completions format. Deterministic, without memory, and
 * gullible on purpose: it does its task, and obeys every instruction that it finds in any text (design §8).
 *
 * @param options port 0, the default, takes a free one
 */
export async function startRehearsalModel(options: { readonly port?: number } = {}): Promise<RehearsalModel> {
  const server = createServer((request, response) => void handle(request, response));
  server.listen(options.port ?? 0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/v1`, port, [Symbol.asyncDispose]: () => stop(server) };
}

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const route = `${request.method ?? ""} ${(request.url ?? "").split("?")[0] ?? ""}`;
    if (route === "GET /v1/models") json(response, 200, models());
    else if (route === "POST /v1/chat/completions") await chat(request, response);
    else problem(response, 404, "not found");
  } catch {
    problem(response, 400, "the request cannot be read");
  }
}

async function chat(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const parsed = CompletionRequest.safeParse(JSON.parse(await bodyOf(request)));
  if (parsed.success) await respond(response, behave(parsed.data), parsed.data.stream === true);
  else problem(response, 400, "not a chat-completions request");
}

async function respond(response: ServerResponse, behaviour: Behaviour, stream: boolean): Promise<void> {
  switch (behaviour.kind) {
    case "completion":
      send(response, behaviour.completion, stream);
      return;
    case "late":
      await sleep(behaviour.delayMs, undefined, { ref: false });
      send(response, behaviour.completion, stream);
      return;
    case "raw":
      response.writeHead(behaviour.status, { "content-type": "application/json" }).end(behaviour.body);
      return;
    case "cut":
      cut(response);
      return;
    case "flood":
      await flood(response);
  }
}

function send(response: ServerResponse, completion: Completion, stream: boolean): void {
  if (stream) response.writeHead(200, { "content-type": "text/event-stream" }).end(streamed(completion));
  else json(response, 200, completion);
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_REQUEST_BYTES) throw new RangeError("too large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function models(): unknown {
  const names = ["rehearsal", ...Object.keys(MISBEHAVING), "rehearsal-slow"];
  return { object: "list", data: names.map((id) => ({ id, object: "model", created: 0, owned_by: "bulkhead" })) };
}

function cut(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "application/json", "content-length": "100000" }).write(`{"id":`);
  setTimeout(() => response.destroy(), 20).unref();
}

/** Never ends, until the caller has had enough. */
async function flood(response: ServerResponse): Promise<void> {
  response.writeHead(200, { "content-type": "application/json" });
  const endless = Readable.from(
    (function* () {
      for (;;) yield FLOOD_CHUNK;
    })(),
  );
  await pipeline(endless, response).catch(() => undefined);
}

function problem(response: ServerResponse, status: number, message: string): void {
  if (!response.headersSent) json(response, status, { error: { message, type: "invalid_request_error" } });
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

async function stop(server: Server): Promise<void> {
  const closed = once(server, "close");
  server.close();
  server.closeAllConnections();
  await closed;
}
