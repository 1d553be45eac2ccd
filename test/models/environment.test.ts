import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { startRehearsalModel } from "@bulkhead/llm";
import { afterAll, beforeAll, expect } from "vitest";
import { COMPANY_YAML } from "../harness/company.ts";
import { startRuntime, type TestRuntime } from "../harness/runtime.ts";
import { verifies } from "../verifies.ts";

const KEY = "sk-canary-of-the-environment";
const YAML = `${COMPANY_YAML}models: { small: { model: rehearsal, price: { input: 0.25, output: 2.00 } } }\n`;

const stack = new AsyncDisposableStack();
const authorizations = new Set<string | undefined>();
let rt: TestRuntime;

/** A provider that notes which keys it is shown, in front of the rehearsal model. */
async function startProvider(): Promise<string> {
  const model = stack.use(await startRehearsalModel());
  const server = createServer((asked, answer) => {
    authorizations.add(asked.headers.authorization);
    const onward = request({ port: model.port, host: "127.0.0.1", path: asked.url, method: asked.method }, (found) => {
      answer.writeHead(found.statusCode ?? 502, found.headers);
      found.pipe(answer);
    });
    asked.pipe(onward);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  stack.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
}

beforeAll(async () => {
  const url = await startProvider();
  rt = stack.use(await startRuntime({ yaml: YAML, env: { OPENAI_BASE_URL: url, OPENAI_API_KEY: KEY } }));
});
afterAll(() => stack.disposeAsync());

verifies(["S8", "COST-03"], "the environment's model answers, and its key is known to nobody else", async () => {
  const task = await rt.run("inbox", "Use ping with n 7.");
  expect([...authorizations]).toEqual([`Bearer ${KEY}`]);
  const { spend } = await rt.ana.ask({ kind: "models.spend" });
  expect(spend.spentMicros).toBeGreaterThan(0);
  expect(JSON.stringify(await rt.entries(task))).not.toContain(KEY);
  const files = await readdir(rt.dir, { recursive: true, withFileTypes: true });
  const holding: string[] = [];
  for (const file of files.filter((one) => one.isFile())) {
    const path = join(file.parentPath, file.name);
    if ((await readFile(path)).includes(KEY)) holding.push(path);
  }
  expect(holding).toEqual([join(rt.dir, "credentials", "openai-environment")]);
});
