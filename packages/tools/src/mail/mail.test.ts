import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SMTPServer } from "smtp-server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { toolsOf } from "../testing/context.ts";
import { captureUndo } from "../undo/capture.ts";

interface Delivered {
  readonly to: string[];
  readonly raw: string;
}
let dir: string;
let port: number;
const delivered: Delivered[] = [];
const smtp = new SMTPServer({
  authOptional: true,
  onRcptTo: (address, _session, done) => {
    done(address.address.startsWith("nobody") ? new Error("no such user") : null);
  },
  onData: (stream, session, done) => {
    const chunks: Buffer[] = [];
    stream
      .on("data", (chunk: Buffer) => chunks.push(chunk))
      .on("end", () => {
        delivered.push({
          to: session.envelope.rcptTo.map(({ address }) => address),
          raw: Buffer.concat(chunks).toString(),
        });
        done();
      });
  },
});

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "bulkhead-mail-"));
  await mkdir(join(dir, "box", "new"), { recursive: true });
  await new Promise<void>((resolve) => smtp.listen(0, "127.0.0.1", resolve));
  port = (smtp.server.address() as AddressInfo).port;
});
afterAll(async () => {
  await new Promise<void>((resolve) => {
    smtp.close(resolve);
  });
  await rm(dir, { recursive: true });
});

let count = 0;
const put = (raw: string | Buffer): Promise<void> =>
  writeFile(join(dir, "box", "new", `${1_700_000_000 + ++count}.m.host`), raw);
const mail = (more: object = {}) =>
  toolsOf(
    "mail",
    {
      store: { type: "maildir", path: "box" },
      smtp: { host: "127.0.0.1", port, secure: false },
      from: "office@example.org",
      folders: ["Archive"],
      labels: ["invoice", "spam"],
      ...more,
    },
    dir,
  );
interface Head {
  id: string;
  subject: string;
  labels: string[];
  from: string;
}
const list = async (folder?: string) =>
  ((await mail().run("list", folder ? { folder } : {})) as unknown as { messages: Head[] }).messages;

describe("a maildir", () => {
  it("lists the newest first and reads one, with its attachments listed only", async () => {
    await put(
      "From: Ann <ann@x.example>\r\nTo: o@y.example\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nFirst\u200b\r\n",
    );
    const boundary = 'Content-Type: multipart/mixed; boundary="b"';
    await put(
      `From: bob@x.example\nSubject: Invoice 7\n${boundary}\n\n--b\nContent-Type: text/html\n\n<p>Pay <a href="http://e.example/x">here</a></p>\n--b\nContent-Type: application/pdf; name="i.pdf"\nContent-Disposition: attachment; filename="i.pdf"\nContent-Transfer-Encoding: base64\n\nAAAA\n--b--\n`,
    );
    const [second, first] = await list();
    expect([first?.subject, first?.from, second?.subject]).toEqual(["Grüße", "Ann <ann@x.example>", "Invoice 7"]);
    const read = await mail().run("read", { message: second?.id });
    expect(read).toMatchObject({
      text: "Pay here [http://e.example/x]",
      malformed: false,
      attachments: [{ name: "i.pdf", type: "application/pdf", bytes: 3 }],
    });
    expect(await mail().run("read", { message: first?.id })).toMatchObject({ text: "First\n" });
    expect(await mail().run("search", { query: "INVOICE" })).toMatchObject({ messages: [{ id: second?.id }] });
  });

  it("keeps every label and every move of calls that come at the same time", async () => {
    const busy = () => mail({ store: { type: "maildir", path: "busy" } });
    const shown = async (folder: string) =>
      ((await busy().run("list", { folder })) as unknown as { messages: Head[] }).messages;
    await mkdir(join(dir, "busy", "new"), { recursive: true });
    for (let n = 0; n < 12; n += 1) await writeFile(join(dir, "busy", "new", `${n}.m.host`), `Subject: ${n}\n\nx\n`);
    const ids = (await shown("INBOX")).map(({ id }) => id);
    const labelOf = (n: number): string => (n % 2 === 0 ? "invoice" : "spam");
    const label = ids.map((id, n) => busy().run("label", { message: id, add: [labelOf(n)] }));
    const move = ids.map((id) => busy().run("move", { message: id, folder: "Archive" }));
    await Promise.all([...label, ...move]);
    const filed = new Map((await shown("Archive")).map(({ id, labels }) => [id, labels]));
    expect(ids.map((id) => filed.get(id))).toEqual(ids.map((_, n) => [labelOf(n)]));
  });

  it("labels and files a mail under the same id, and back again", async () => {
    await put("Subject: To file\n\nx\n");
    const id = (await list())[0]?.id;
    expect(await mail().run("label", { message: id, add: ["invoice", "spam"] })).toMatchObject({ before: [] });
    expect(await mail().run("label", { message: id, remove: ["spam"] })).toMatchObject({ before: ["invoice", "spam"] });
    expect(await mail().run("move", { message: id, folder: "Archive" })).toEqual({
      message: id,
      before: id,
      from: "INBOX",
      folder: "Archive",
    });
    expect(await list("Archive")).toMatchObject([{ id, subject: "To file", labels: ["invoice"] }]);
    const context = mail().context("move");
    expect(await mail().readBack("move", { message: id, folder: "Archive" }, context)).toMatchObject({ found: true });
    expect(await mail().readBack("label", { message: id, add: ["spam"] }, context)).toEqual({ found: false });
    await mail().run("move", { message: id, folder: "INBOX" });
    expect((await list()).find((message) => message.id === id)?.labels).toEqual(["invoice"]);
  });

  it("takes back of a labelling only what it changed", async () => {
    await put("Subject: Labelled\n\nx\n");
    const message = (await list())[0]?.id;
    await mail().run("label", { message, add: ["spam"] });
    const [args, context] = [{ message, add: ["spam", "invoice"], remove: [] } as never, mail().context("label")];
    const pair = { tool: mail().tool("label"), undoing: mail().tool("label") };
    const { before, inverse } = await captureUndo(pair, args, context);
    expect(before).toMatchObject({ folder: "INBOX", labels: ["spam"], subject: "Labelled" });
    expect(inverse.args).toEqual({ message, add: [], remove: ["invoice"] });
  });

  it("cannot be undone for sure where a move changes the id", () => {
    const imap = mail({ store: { type: "imap", host: "mail.example.org", user: "o" } });
    expect([imap.tool("move").rollback, mail().tool("move").rollback?.mode]).toEqual([undefined, "compensate"]);
  });

  it("has no way to a message outside of it", async () => {
    await expect(mail().run("read", { message: "m-../../etc" })).rejects.toMatchObject({ code: "adapter.failed" });
  });

  it("bears a mail of 20 MB and pure garbage", async () => {
    const big = `Subject: Big\nContent-Type: multipart/mixed; boundary="b"\n\n--b\nContent-Type: text/plain\n\nsmall text\n--b\nContent-Type: application/zip; name="z.zip"\nContent-Transfer-Encoding: base64\n\n${"QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB\n".repeat(310_000)}--b--\n`;
    await put(big);
    const started = performance.now();
    expect(await mail().run("read", { message: (await list())[0]?.id })).toMatchObject({
      text: "small text\n",
      truncated: false,
    });
    expect(performance.now() - started).toBeLessThan(8_000);
    for (const junk of [
      Buffer.alloc(100_000, 0xff),
      Buffer.alloc(0),
      Buffer.from("\0\r\n\0\n".repeat(5_000)),
      Buffer.from(
        "Content-Type: multipart/mixed; boundary=a\n\n" +
          "--a\nContent-Type: multipart/mixed; boundary=a\n\n".repeat(2_000),
      ),
    ]) {
      await put(junk);
      const read = (await mail().run("read", { message: (await list())[0]?.id })) as unknown as { text: string };
      expect(read.text.length).toBeLessThanOrEqual(20_000);
    }
  });
});

describe("sending", () => {
  const letter = { to: ["ann@x.example"], subject: "Hi\r\nBcc: evil@x.example", text: "Hello" };
  it("delivers once, marked with its effect, and says that AI wrote it", async () => {
    const context = mail().context("send");
    expect(await mail().readBack("send", letter, context)).toEqual({ found: false });
    expect(await mail().run("send", letter, context)).toMatchObject({ sent: true, accepted: 1, filed: true });
    const [sent] = delivered.splice(0);
    expect(sent?.to).toEqual(["ann@x.example"]);
    expect(sent?.raw).toContain(`X-Bulkhead-Effect: ${context.effectId}`);
    expect(sent?.raw).toContain(`Message-ID: <${context.effectId}@example.org>`);
    expect(sent?.raw).toMatch(/written with the help of AI/);
    expect(sent?.raw).not.toMatch(/^Bcc/im);
    expect(await mail().readBack("send", letter, context)).toMatchObject({ found: true });
    expect(await readdir(join(dir, "box", ".Outbox", "cur"))).toEqual([]);
  });

  it("fails for sure when the server says no or is not there, and leaves nothing behind", async () => {
    const context = mail().context("send");
    await expect(mail().run("send", { ...letter, to: ["nobody@x.example"] }, context)).rejects.toMatchObject({
      code: "adapter.failed",
    });
    const closed = mail({ smtp: { host: "127.0.0.1", port: 1, secure: false } });
    await expect(closed.run("send", letter, context)).rejects.toMatchObject({ code: "adapter.unreachable" });
    expect(await mail().readBack("send", letter, context)).toEqual({ found: false });
  });

  it("is unknown when the connection is lost after the message was handed over", async () => {
    const rude = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.on("data", (line) => {
        if (line.includes("\r\n.\r\n")) socket.destroy();
        else socket.write(line.toString().startsWith("DATA") ? "354 go\r\n" : "250 ok\r\n");
      });
      socket.write("220 hi\r\n");
    });
    await new Promise<void>((resolve) => rude.listen(0, "127.0.0.1", resolve));
    const lost = mail({ smtp: { host: "127.0.0.1", port: (rude.address() as AddressInfo).port, secure: false } });
    const context = lost.context("send");
    await expect(lost.run("send", letter, context)).rejects.toMatchObject({ code: "outcome.unknown" });
    expect(await mail().readBack("send", letter, context)).toBe("unknown");
    rude.close();
  });

  it("answers in the thread, and drafts without sending", async () => {
    await put("Message-ID: <orig@x.example>\nSubject: Q\n\nx\n");
    await mail().run("send", { ...letter, answers: (await list())[0]?.id });
    expect(delivered.splice(0)[0]?.raw).toContain("In-Reply-To: <orig@x.example>");
    const context = mail().context("draft");
    await mail().run("draft", letter, context);
    expect(await mail().readBack("draft", letter, context)).toMatchObject({ found: true });
    expect(delivered).toEqual([]);
    expect(await list("Drafts")).toHaveLength(1);
  });
});

it("an mbox is read, not changed", async () => {
  await writeFile(
    join(dir, "mbox"),
    "From a@b Mon\nSubject: One\n\n>From here\n\nFrom c@d Tue\nSubject: Two\n\nlast\n",
  );
  const box = toolsOf("mail", { store: { type: "mbox", path: "mbox" }, from: "o@example.org" }, dir);
  const { messages } = (await box.run("list", {})) as unknown as { messages: Head[] };
  expect(messages.map(({ subject }) => subject)).toEqual(["Two", "One"]);
  expect(await box.run("read", { message: messages[1]?.id })).toMatchObject({ text: "From here\n\n" });
  expect(() => box.context("label")).toThrow();
});
