/**
 * Owns: the only HTTP that a tool has: to its declared origins, bounded in time and size.
 * Does not own: which origins a tool may declare (the signed policy).
 * Invariants: scheme, host and port are compared exactly, again on every redirect; a *name* never leads to an internal
 * address (checked on the very address that is connected to, so a changed DNS answer gains nothing); an internal
 * address is reached only if the list names it literally. Proxies and the environment are not used (S8).
 */
import { lookup as dnsLookup } from "node:dns";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { BulkheadError, parseJson } from "@bulkhead/core";
import type { JsonValue } from "@bulkhead/schemas";
import type { HttpAnswer, HttpOptions, HttpPort } from "../context.ts";
import { isInternalAddress } from "./address.ts";

/** What a guarded HTTP port is bound to. */
export interface GuardedHttp {
  /** Origins, such as `https://api.shop.example` or `http://127.0.0.1:8080`. The first is the base of relative paths. */
  readonly origins: readonly string[];
  readonly signal: AbortSignal;
}

interface Sending {
  readonly method: string;
  readonly url: URL;
  readonly body?: string;
  readonly options: HttpOptions;
  readonly signal: AbortSignal;
}

const MAX_REDIRECTS = 5;
const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_MAX_BYTES = 1_048_576;

/** HTTP that reaches the listed origins and nothing else. */
export function guardedHttp(guard: GuardedHttp): HttpPort {
  const send = (method: string, url: string, options: HttpOptions = {}, body?: unknown): Promise<HttpAnswer> =>
    follow(guard, method, url, options, body);
  return {
    get: (url, options) => send("GET", url, options),
    post: (url, body, options) => send("POST", url, options, body),
    put: (url, body, options) => send("PUT", url, options, body),
    patch: (url, body, options) => send("PATCH", url, options, body),
    delete: (url, options) => send("DELETE", url, options),
  };
}

async function follow(
  guard: GuardedHttp,
  method: string,
  target: string,
  options: HttpOptions,
  body?: unknown,
): Promise<HttpAnswer> {
  const signal = AbortSignal.any([guard.signal, AbortSignal.timeout(options.timeoutMs ?? DEFAULT_TIMEOUT_MS)]);
  let url = permitted(guard.origins, target, guard.origins[0]);
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const answer = await exchange({
      method,
      url,
      options,
      signal,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const location = answer.headers["location"];
    if (answer.status < 300 || answer.status > 399 || location === undefined) return answer;
    if (method !== "GET") throw new BulkheadError("outcome.unknown", "(a redirect in answer to a change)");
    url = permitted(guard.origins, location, url.href);
  }
  throw new BulkheadError("adapter.failed", "(too many redirects)");
}

/** The URL, if its origin is on the list. @throws BulkheadError `egress.denied` */
export function permitted(origins: readonly string[], target: string, base?: string): URL {
  const url = URL.parse(target, base);
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "")
    throw new BulkheadError("egress.denied", "(not an http or https URL without user and password)");
  if (!origins.includes(url.origin)) throw new BulkheadError("egress.denied", `(${url.origin})`);
  return url;
}

function exchange(sending: Sending): Promise<HttpAnswer> {
  const { method, url, body, options, signal } = sending;
  const headers = {
    accept: "*/*",
    "user-agent": "bulkhead",
    ...(body !== undefined && { "content-type": "application/json", "content-length": Buffer.byteLength(body) }),
    ...(options.idempotencyKey !== undefined && { "idempotency-key": options.idempotencyKey }),
    ...options.headers,
  };
  return new Promise((resolve, reject) => {
    let connected = false;
    const request = (url.protocol === "https:" ? httpsRequest : httpRequest)(
      url,
      { method, headers, signal, lookup: lookupFor(url), agent: false },
      (response) => {
        collect(response, options.maxBytes ?? DEFAULT_MAX_BYTES).then(resolve, (cause: unknown) => {
          reject(sent(method, cause));
        });
      },
    );
    request.on("socket", (socket) => socket.once("connect", () => (connected = true)));
    request.on("error", (cause) => {
      reject(connected ? sent(method, cause) : unreachable(cause));
    });
    request.end(body);
  });
}

function unreachable(cause: Error): BulkheadError {
  return cause instanceof BulkheadError ? cause : new BulkheadError("adapter.unreachable", undefined, { cause });
}

function sent(method: string, cause: unknown): BulkheadError {
  if (cause instanceof BulkheadError && method === "GET") return cause;
  return new BulkheadError(method === "GET" ? "adapter.failed" : "outcome.unknown", undefined, { cause });
}

/** A resolver that refuses internal addresses, unless the URL's host is one of the literals that were listed. */
function lookupFor(url: URL): LookupFunction {
  const literal = isIP(url.hostname.replace(/^\[|\]$/g, "")) !== 0 || url.hostname === "localhost";
  return (host, options, callback) => {
    dnsLookup(host, { ...options, all: true }, (error, addresses) => {
      if (error) {
        callback(error, "");
        return;
      }
      const usable = literal ? addresses : addresses.filter(({ address }) => !isInternalAddress(address));
      const first = usable[0];
      if (first === undefined) callback(new BulkheadError("egress.denied", `(${host} is an internal address)`), "");
      else if (options.all) callback(null, usable);
      else callback(null, first.address, first.family);
    });
  };
}

async function collect(response: IncomingMessage, maxBytes: number): Promise<HttpAnswer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new BulkheadError("content.size", `(more than ${maxBytes} bytes)`);
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString("utf8");
  const status = response.statusCode ?? 0;
  const headers = Object.fromEntries(Object.entries(response.headers).map(([k, v]) => [k, String(v)]));
  return { kind: "http", status, ok: status >= 200 && status < 300, headers, text, json: () => jsonOf(text) };
}

function jsonOf(text: string): JsonValue {
  try {
    return parseJson(text, { maxBytes: text.length * 4 }) as JsonValue;
  } catch (cause) {
    throw new BulkheadError("adapter.failed", "(the answer is not JSON)", { cause });
  }
}
