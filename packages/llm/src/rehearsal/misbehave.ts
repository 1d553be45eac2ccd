import type { Completion } from "./completion.ts";
import { complete, render } from "./completion.ts";
import type { CompletionRequest } from "./conversation.ts";

/** What goes over the wire: a completion, or something that a broken provider would send. */
export type Behaviour =
  | { readonly kind: "completion"; readonly completion: Completion }
  | { readonly kind: "raw"; readonly status: number; readonly body: string }
  | { readonly kind: "late"; readonly delayMs: number; readonly completion: Completion }
  | { readonly kind: "cut" }
  | { readonly kind: "flood" };

const SLOW_MS = 30_000;
const NONSENSE = 'Ω≈ç√ wibble {{"tool": ]} ﷽ 0x1p-3 lorem <|im_end|> function_call: null ~~~';

/** Names of models that misbehave, so that bad providers can be tried over the real path. `rehearsal-slow-<ms>` waits that long. */
export const MISBEHAVING: Readonly<Record<string, (request: CompletionRequest) => Behaviour>> = {
  "rehearsal-nonsense": (request) => text(request, NONSENSE),
  "rehearsal-empty": (request) => answer({ ...complete(request), choices: [] }),
  "rehearsal-silent": (request) => text(request, ""),
  "rehearsal-invalid-json": (request) =>
    once(request, `{"id": "1", "text": oops`, request.tools?.[0]?.function.name ?? "read"),
  "rehearsal-unknown-tool": (request) => once(request, "{}", "launch-rockets"),
  "rehearsal-lies-usage": (request) =>
    answer({ ...complete(request), usage: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 } }),
  "rehearsal-greedy-usage": (request) =>
    answer({
      ...complete(request),
      usage: { prompt_tokens: 90_000_000, completion_tokens: 9_000_000, total_tokens: 99_000_000 },
    }),
  "rehearsal-garbage": () => ({ kind: "raw", status: 200, body: "<html>It works!</html>" }),
  "rehearsal-error": () => ({ kind: "raw", status: 500, body: `{"error":{"message":"internal"}}` }),
  "rehearsal-refuses": () => ({ kind: "raw", status: 400, body: `{"error":{"message":"bad request"}}` }),
  "rehearsal-cut": () => ({ kind: "cut" }),
  "rehearsal-flood": () => ({ kind: "flood" }),
};

/** What the named model does with a request. */
export function behave(request: CompletionRequest): Behaviour {
  const slow = /^rehearsal-slow(?:-(\d{1,6}))?$/.exec(request.model);
  if (slow !== null) return { kind: "late", delayMs: Number(slow[1] ?? SLOW_MS), completion: complete(request) };
  return Object.hasOwn(MISBEHAVING, request.model)
    ? (MISBEHAVING[request.model]?.(request) ?? answer(complete(request)))
    : answer(complete(request));
}

function answer(completion: Completion): Behaviour {
  return { kind: "completion", completion };
}

function text(request: CompletionRequest, said: string): Behaviour {
  return answer(render(request, { kind: "text", text: said }));
}

/** Misbehaves at first, and works on once it has been told. */
function once(request: CompletionRequest, written: string, name: string): Behaviour {
  if (request.messages.some(({ role }) => role === "tool")) return answer(complete(request));
  const good = complete(request);
  const call = { id: "call-broken", type: "function" as const, function: { name, arguments: written } };
  const message = { role: "assistant" as const, content: null, tool_calls: [call] };
  return answer({ ...good, choices: [{ index: 0, message, finish_reason: "tool_calls" }] });
}
