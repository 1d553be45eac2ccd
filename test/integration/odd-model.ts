import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

/** A provider that answers as the task asks it to: with nonsense, with nothing, with calls that cannot be made. */
export interface OddModel extends AsyncDisposable {
  readonly url: string;
  /** From now on nobody listens there. */
  close(): Promise<void>;
}

const call = (name: string, written: string) => ({
  ...{ role: "assistant", content: null },
  tool_calls: [{ id: "call-1", type: "function", function: { name, arguments: written } }],
});
const said = (content: string) => ({ role: "assistant", content });
const completion = (message: object) =>
  JSON.stringify({ id: "1", choices: [{ index: 0, message, finish_reason: "stop" }] });

const ODD: Readonly<Record<string, string>> = {
  "say nonsense": completion(said("Ω≈ç {{]} <|im_end|> 0x1p-3")),
  "say nothing": completion(said("")),
  "no choices": JSON.stringify({ id: "1", choices: [] }),
  "no json": "<html>It works!</html>",
  "broken arguments": completion(call("ping", `{"n": oops`)),
  "wrong arguments": completion(call("ping", `{"n": "one"}`)),
  "unknown tool": completion(call("launch-rockets", "{}")),
};

/** Starts it on a free loopback port. The first of its phrases in the request decides; once a call has failed, it gives in. */
export async function startOddModel(): Promise<OddModel> {
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const odd = Object.keys(ODD).find((phrase) => body.includes(phrase));
      const told = body.includes(`"role":"tool"`);
      response.writeHead(200, { "content-type": "application/json" });
      response.end(odd === undefined || told ? completion(said("I have seen it.")) : ODD[odd]);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    if (!server.listening) return;
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  };
  return { url: `http://127.0.0.1:${port}/v1`, close, [Symbol.asyncDispose]: close };
}
