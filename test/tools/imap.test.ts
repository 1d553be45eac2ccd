import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Mailbox } from "../../packages/tools/src/mail/box.ts";
import { imap } from "../../packages/tools/src/mail/imap.ts";
import { toolsOf } from "../../packages/tools/src/testing/context.ts";
import { type ImapServer, startImapServer } from "../harness/imap-server.ts";

const FOLDERS = ["Archive", "Drafts", "Outbox", "Sent"];

let server: ImapServer;
let box: Mailbox;
beforeAll(async () => {
  server = await startImapServer({ keywords: ["important", "invoice", "spam"] });
  box = boxAt(server);
}, 120_000);
afterAll(() => (server as ImapServer | undefined)?.[Symbol.asyncDispose]());

function boxAt({ port, user }: Pick<ImapServer, "port" | "user">, password = server.password): Mailbox {
  const settings = { type: "imap" as const, host: "127.0.0.1", port, secure: false, user };
  return imap({ settings, folders: FOLDERS, password: () => Promise.resolve(password) });
}

/** The server keeps lines as its own system ends them. */
const textOf = (raw: Uint8Array): string => Buffer.from(raw).toString().replaceAll("\r\n", "\n");

const mail = (subject: string, effect = "none"): Buffer =>
  Buffer.from(
    `From: a@example.org\r\nTo: office@example.org\r\nSubject: ${subject}\r\nX-Bulkhead-Effect: ${effect}\r\n\r\nAbout ${subject}.\r\n`,
  );

/** The id of a mail that was just put into a folder. */
async function arrived(subject: string, folder = "INBOX"): Promise<string> {
  await box.append(folder, "none", mail(subject));
  const [newest] = await box.list(folder, 1);
  return newest?.id ?? expect.fail(`${folder} is empty`);
}

const NO_SUCH = { code: "adapter.failed" };

describe("an IMAP mailbox", () => {
  test("is listed newest first, and read whole or as far as it may be", async () => {
    expect(await box.list("INBOX", 10)).toEqual([]);
    const ids = [await arrived("one"), await arrived("two"), await arrived("three")];
    expect((await box.list("INBOX", 2)).map(({ id }) => id)).toEqual([ids[2], ids[1]]);
    const read = await box.read(ids[0] ?? "", 10_000);
    expect(textOf(read.raw)).toBe(textOf(mail("one")));
    expect(read).toMatchObject({ folder: "INBOX", bytes: read.raw.length, labels: [] });
    expect((await box.read(ids[0] ?? "", 6)).raw).toHaveLength(6);
  });

  test("keeps labels, tells those before, and says so where the server keeps none", async () => {
    const id = await arrived("labels");
    expect(await box.label(id, ["invoice", "spam"], [])).toEqual([]);
    expect([...(await box.label(id, ["important"], ["spam"]))].sort()).toEqual(["invoice", "spam"]);
    expect([...(await box.read(id, 100)).labels].sort()).toEqual(["important", "invoice"]);
    const elsewhere = await arrived("unlabelled", "Archive");
    await expect(box.label(elsewhere, ["invoice"], [])).rejects.toMatchObject(NO_SUCH);
  });

  test("moves a mail into a folder, where it has a new id; the old one stands for nothing", async () => {
    const id = await arrived("moved");
    const moved = await box.move(id, "Archive");
    expect(moved.from).toBe("INBOX");
    expect(textOf((await box.read(moved.id, 10_000)).raw)).toBe(textOf(mail("moved")));
    await expect(box.read(id, 100)).rejects.toMatchObject(NO_SUCH);
    expect((await box.move(moved.id, "INBOX")).from).toBe("Archive");
  });

  test("finds the mail of an effect, and removes that one alone", async () => {
    for (const effect of ["e-1", "e-2"]) await box.append("Drafts", effect, mail("draft", effect));
    const found = await box.find("Drafts", "e-1");
    expect(textOf((await box.read(found?.id ?? "", 1_000)).raw)).toContain("e-1");
    await box.remove("Drafts", "e-1");
    expect(await box.find("Drafts", "e-1")).toBeUndefined();
    expect(await box.find("Drafts", "e-2")).toBeDefined();
    await box.remove("Drafts", "e-none");
    expect(await box.list("Drafts", 10)).toHaveLength(1);
  });

  test("an id that the server did not assign reaches nothing", async () => {
    const id = await arrived("ids");
    const [, folder, validity, uid] = id.split("-");
    const forged = [
      `i-${folder}-${Number(validity) + 1}-${uid}`,
      `i-99-${validity}-${uid}`,
      `i-${folder}-${validity}-1:*`,
    ];
    for (const wrong of [...forged, `i-${folder}-${validity}-4000000`, "", "i-0-*-1", `${id} 1`])
      await expect(box.read(wrong, 100)).rejects.toMatchObject(NO_SUCH);
  });
});

describe("an IMAP server", () => {
  test("that refuses the password, or that is away, is unreachable; what it stored is there afterwards", async () => {
    const id = await arrived("kept");
    await expect(boxAt(server, "wrong").list("INBOX", 1)).rejects.toMatchObject({ code: "adapter.unreachable" });
    await server.kill();
    await expect(box.list("INBOX", 1)).rejects.toMatchObject({ code: "adapter.unreachable" });
    await server.start();
    expect(textOf((await box.read(id, 10_000)).raw)).toBe(textOf(mail("kept")));
  });

  test("whose certificate nobody vouches for is unreachable, on loopback too", async () => {
    const fixtures = join(import.meta.dirname, "..", "bus", "fixtures");
    const tls = { cert: join(fixtures, "server.crt"), key: join(fixtures, "server.key") };
    await using secured = await startImapServer({ tls });
    await expect(boxAt(secured, secured.password).list("INBOX", 1)).rejects.toMatchObject({
      code: "adapter.unreachable",
    });
  });
});

test("the mail tools work on it: a draft is put there once, and is found again by its effect", async () => {
  const store = { type: "imap", host: "127.0.0.1", port: server.port, secure: false, user: server.user };
  const tools = toolsOf("mail", { store, from: "office@example.org", folders: ["Archive"], labels: ["invoice"] });
  const credentials = (name: string) => Promise.resolve(name === "c-imap" ? server.password : "");
  const [id] = [await arrived("for the tools")];
  const context = (operation: string) => tools.context(operation, { credentials });
  expect(await tools.run("read", { message: id }, context("read"))).toMatchObject({ subject: "for the tools" });
  const drafting = context("draft");
  const args = { to: ["b@example.org"], subject: "Re: for the tools", text: "Hello." };
  expect(await tools.readBack("draft", args, drafting)).toMatchObject({ found: false });
  await tools.run("draft", args, drafting);
  expect(await tools.readBack("draft", args, drafting)).toMatchObject({ found: true });
  const found = await box.find("Drafts", drafting.effectId);
  expect(textOf((await box.read(found?.id ?? "", 10_000)).raw)).toContain("Re: for the tools");
});
