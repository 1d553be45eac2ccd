import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { toolsOf } from "../testing/context.ts";
import { isInternalAddress } from "./address.ts";
import { guardedHttp } from "./guarded.ts";

const got: { method: string; url: string; body: string; headers: IncomingMessage["headers"] }[] = [];
const server = createServer((request, response) => {
  let body = "";
  request
    .on("data", (chunk: Buffer) => (body += chunk.toString()))
    .on("end", () => {
      const { method = "", url = "", headers } = request;
      got.push({ method, url, body, headers });
      const [, code, rest] = /^\/(\d+)(.*)$/.exec(url) ?? [];
      if (url === "/hang") return;
      if (url === "/drop") return void request.socket.destroy();
      if (url === "/big") return void response.end("x".repeat(2_000_000));
      response.writeHead(
        Number(code ?? 200),
        code?.startsWith("3") ? { location: rest ?? "" } : { "content-type": "application/json" },
      );
      response.end('{"a":1}');
    });
});
let origin: string;
let dir: string;
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  dir = await mkdtemp(join(tmpdir(), "bulkhead-http-"));
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await rm(dir, { recursive: true });
});
const http = (origins = [origin]) => guardedHttp({ origins, signal: AbortSignal.timeout(20_000) });

describe("guarded HTTP", () => {
  it("reaches its origins, by path or in full, with the idempotency key", async () => {
    expect((await http().get("/x")).json()).toEqual({ a: 1 });
    const answer = await http().post(`${origin}/404`, { b: 2 }, { idempotencyKey: "t.1.0" });
    expect([answer.status, answer.ok]).toEqual([404, false]);
    expect(got.at(-1)).toMatchObject({ method: "POST", body: '{"b":2}', headers: { "idempotency-key": "t.1.0" } });
  });
  it.each([
    "https://evil.example/",
    "http://127.0.0.1:1/",
    "http://localhost/",
    "ftp://127.0.0.1/",
    "http://169.254.169.254/latest",
    "http://user:pw@127.0.0.1/",
    "//evil.example/",
    "http://2130706433/",
    "http://[::1]/",
    "file:///etc/passwd",
    "http://",
  ])("refuses %s", async (url) => {
    await expect(http().get(url)).rejects.toMatchObject({ code: "egress.denied" });
  });
  it("follows a redirect only to where it may go, and never one that answers a change", async () => {
    expect((await http().get(`/302${origin}/ok`)).status).toBe(200);
    await expect(http().get("/302http://169.254.169.254/")).rejects.toMatchObject({ code: "egress.denied" });
    await expect(http().get("/302/302/302/302/302/302/302/x")).rejects.toMatchObject({ code: "adapter.failed" });
    await expect(http().post("/302/ok", {})).rejects.toMatchObject({ code: "outcome.unknown" });
  });
  it("INJ-13: refuses a name that leads to an internal address, whatever is listed", async () => {
    const named = `http://ip6-localhost:${new URL(origin).port}`;
    await expect(http([named]).get("/")).rejects.toMatchObject({
      code: expect.stringMatching(/egress.denied|adapter.unreachable/) as string,
    });
  });
  it("is bounded in size and time, and says what is known", async () => {
    await expect(http().get("/big")).rejects.toMatchObject({ code: "content.size" });
    await expect(http().get("/hang", { timeoutMs: 100 })).rejects.toMatchObject({ code: "adapter.failed" });
    await expect(http().post("/drop", {})).rejects.toMatchObject({ code: "outcome.unknown" });
    await expect(http(["http://127.0.0.1:1"]).post("/", {})).rejects.toMatchObject({ code: "adapter.unreachable" });
  });
  it("knows internal addresses in every form", () => {
    for (const address of [
      "10.1.2.3",
      "127.0.0.1",
      "169.254.169.254",
      "192.168.1.1",
      "172.31.0.1",
      "100.64.0.1",
      "0.0.0.0",
      "::1",
      "::",
      "fe80::1",
      "fd00::1",
      "::ffff:10.0.0.1",
      "::127.0.0.1",
      "::ffff:0:10.0.0.1",
      "64:ff9b::a00:1",
      "2002:a00:1::",
    ])
      expect(isInternalAddress(address), address).toBe(true);
    for (const address of ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8"])
      expect(isInternalAddress(address), address).toBe(false);
  });
  it("is what the http connection reads with", async () => {
    const web = toolsOf("http", { allow: [origin] });
    expect(await web.run("get", { url: `${origin}/page` })).toMatchObject({ status: 200, text: '{"a":1}' });
    await expect(web.run("get", { url: "http://evil.example/?secret" })).rejects.toMatchObject({
      code: "egress.denied",
    });
  });
});

describe("a channel", () => {
  it.each(["discord", "slack"] as const)("posts to %s, marked with its effect, ringing nobody", async (format) => {
    const channel = toolsOf("channel", { format, origin });
    const context = channel.context("post", { credentials: () => Promise.resolve(`${origin}/hook/secret`) });
    expect(await channel.run("post", { text: "Hi <!everyone> @everyone" }, context)).toMatchObject({ posted: true });
    const body = got.at(-1)?.body ?? "";
    expect(body).toContain(context.effectId);
    if (format === "discord") expect(JSON.parse(body)).toMatchObject({ allowed_mentions: { parse: [] } });
    else expect((JSON.parse(body) as { text: string }).text).toBe("Hi &lt;!everyone&gt; @everyone");
  });
  it("tells a refusal from an unknown outcome, and never posts elsewhere", async () => {
    const channel = toolsOf("channel", { format: "discord", origin });
    const to = (url: string) =>
      channel.run("post", { text: "x" }, channel.context("post", { credentials: () => Promise.resolve(url) }));
    await expect(to(`${origin}/403`)).rejects.toMatchObject({ code: "adapter.failed" });
    await expect(to(`${origin}/503`)).rejects.toMatchObject({ code: "outcome.unknown" });
    await expect(to("https://evil.example/hook")).rejects.toMatchObject({ code: "egress.denied" });
  });
  it("writes lines to a file and finds them again", async () => {
    const channel = toolsOf("channel", { format: "jsonl", file: "c.jsonl" }, dir);
    const [context, other] = [channel.context("post"), channel.context("post")];
    expect(await channel.readBack("post", {}, context)).toEqual({ found: false });
    await channel.run("post", { text: "line\nbreak" }, context);
    expect(await channel.readBack("post", {}, context)).toMatchObject({ found: true });
    expect(await channel.readBack("post", {}, other)).toEqual({ found: false });
    expect((await readFile(join(dir, "c.jsonl"), "utf8")).trim().split("\n")).toHaveLength(1);
  });
});

it("a tracker keeps records, undoes by what it says was before, and knows its own changes", async () => {
  const tracker = toolsOf("tracker", { kinds: ["invoice"] });
  const context = tracker.context("create");
  const { id } = (await tracker.run(
    "create",
    { kind: "invoice", title: "7", fields: { cents: 5 } },
    context,
  )) as unknown as { id: string };
  await expect(tracker.run("create", { kind: "invoice", title: "7" }, context)).rejects.toMatchObject({
    code: "adapter.failed",
  });
  expect(await tracker.readBack("create", {}, context)).toMatchObject({ found: true, result: { id } });
  const update = { ...tracker.context("update"), records: context.records };
  expect(await tracker.run("update", { id, fields: { cents: 9 } }, update)).toMatchObject({
    version: 2,
    fields: { cents: 9 },
    before: { fields: { cents: 5 } },
  });
  expect(await tracker.readBack("update", { id }, update)).toMatchObject({ found: true });
  expect(await tracker.readBack("close", { id }, { ...tracker.context("close"), records: context.records })).toBe(
    "unknown",
  );
  expect(await tracker.run("list", { kind: "invoice" }, context)).toMatchObject({
    records: [{ id, kind: "invoice", state: "open" }],
  });
});
