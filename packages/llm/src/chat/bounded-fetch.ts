/** The most bytes that a provider's answer may have. */
export const MAX_ANSWER_BYTES = 8 * 1024 * 1024;

/** `fetch` that follows no redirect (a key is for one host) and reads at most `MAX_ANSWER_BYTES`. */
export async function boundedFetch(input: string | URL | Request, init?: RequestInit): Promise<Response> {
  const response = await fetch(input, { ...init, redirect: "error" });
  const body = response.body?.pipeThrough(limit(MAX_ANSWER_BYTES)) ?? null;
  return new Response(body, { status: response.status, statusText: response.statusText, headers: response.headers });
}

function limit(maxBytes: number): TransformStream<Uint8Array, Uint8Array> {
  let seen = 0;
  return new TransformStream({
    transform(chunk, controller) {
      seen += chunk.byteLength;
      if (seen > maxBytes) controller.error(new RangeError("the answer is too large"));
      else controller.enqueue(chunk);
    },
  });
}
