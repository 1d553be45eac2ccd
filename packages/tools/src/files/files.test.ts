import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { toolsOf } from "../testing/context.ts";

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "bulkhead-files-"));
  await mkdir(join(dir, "root", "sub"), { recursive: true });
  await writeFile(join(dir, "secret.txt"), "secret");
  await writeFile(join(dir, "root", "a.txt"), "one");
  await symlink(join(dir, "secret.txt"), join(dir, "root", "link"));
  await symlink(dir, join(dir, "root", "up"));
});
afterAll(() => rm(dir, { recursive: true }));

const files = (write = true) => toolsOf("files", { root: "root", write }, dir);

describe("a folder", () => {
  it.each([
    ...[
      "../secret.txt",
      "sub/../../secret.txt",
      "/etc/passwd",
      "link",
      "up/secret.txt",
      "~/x",
      "C:/x",
      "\\\\host\\share",
    ],
    ...[
      "%2e%2e/secret.txt",
      "..%2fsecret.txt",
      "a\u0000b",
      "a//b",
      "./a.txt",
      ".bulkhead-trash/x",
      ".Bulkhead-TRASH/x",
      "x".repeat(1_001),
    ],
  ])("is not left by %j", async (path) => {
    for (const call of [
      () => files().run("read", { path }),
      () => files().run("write", { path, text: "x" }),
      () => files().run("move", { path: "a.txt", to: path }),
      () => files().run("delete", { path }),
    ])
      await expect(call()).rejects.toMatchObject({ code: "path.denied" });
    expect(await readFile(join(dir, "secret.txt"), "utf8")).toBe("secret");
  });

  it("lists neither links nor the trash, and reads text", async () => {
    const { entries } = (await files().run("list", {})) as unknown as { entries: { name: string }[] };
    expect(entries.map(({ name }) => name)).toEqual(["a.txt", "sub"]);
    expect(await files().run("read", { path: "a.txt" })).toEqual({ path: "a.txt", text: "one", truncated: false });
    expect(() => files(false).context("write")).toThrow("no write");
  });

  it("gives back what was written over or deleted", async () => {
    const [first, second, gone] = [files().context("write"), files().context("write"), files().context("delete")];
    await files().run("write", { path: "sub/new/b.txt", text: "1" }, first);
    expect(await files().run("write", { path: "sub/new/b.txt", text: "2" }, second)).toMatchObject({ replaced: true });
    expect(await files().readBack("write", { path: "sub/new/b.txt", text: "2" }, second)).toMatchObject({
      found: true,
    });
    await files().run("delete", { path: "sub/new/b.txt" }, gone);
    expect(await files().readBack("delete", { path: "sub/new/b.txt" }, gone)).toMatchObject({ found: true });
    const text = async () =>
      ((await files().run("read", { path: "sub/new/b.txt" })) as unknown as { text: string }).text;
    await files().run("restore", { effect: gone.effectId });
    expect(await text()).toBe("2");
    await files().run("restore", { effect: second.effectId });
    expect(await text()).toBe("1");
    await files().run("restore", { effect: first.effectId });
    await expect(text()).rejects.toMatchObject({ code: "adapter.failed" });
  });

  it("takes a change back only while nobody has changed the file since", async () => {
    const [write, gone] = [files().context("write"), files().context("delete")];
    await writeFile(join(dir, "root", "guarded.txt"), "1");
    await files().run("write", { path: "guarded.txt", text: "2" }, write);
    await writeFile(join(dir, "root", "guarded.txt"), "by a person");
    const refused = { code: "adapter.failed", message: expect.stringContaining("changed since") as string };
    await expect(files().run("restore", { effect: write.effectId })).rejects.toMatchObject(refused);
    expect(await readFile(join(dir, "root", "guarded.txt"), "utf8")).toBe("by a person");
    await files().run("delete", { path: "guarded.txt" }, gone);
    await writeFile(join(dir, "root", "guarded.txt"), "again");
    await expect(files().run("restore", { effect: gone.effectId })).rejects.toMatchObject(refused);
  });

  it("reads the state of a file by its bytes, however long it is", async () => {
    await writeFile(join(dir, "root", "long.txt"), `${"x".repeat(300_000)}1`);
    const state = () => files().tool("write").state?.({ path: "long.txt", text: "" }, files().context("write"));
    const before = (await state()) as { bytes: number; text: string; sha256: string };
    expect([before.bytes, before.text.length]).toEqual([300_001, 2_000]);
    await writeFile(join(dir, "root", "long.txt"), `${"x".repeat(300_000)}2`);
    expect(await state()).not.toEqual(before);
    await expect(
      files().tool("write").state?.({ path: "link", text: "" }, files().context("write")),
    ).rejects.toMatchObject({ code: "path.denied" });
  });

  it("moves, and overwrites nothing", async () => {
    await writeFile(join(dir, "root", "m.txt"), "m");
    await expect(files().run("move", { path: "m.txt", to: "a.txt" })).rejects.toMatchObject({ code: "adapter.failed" });
    await files().run("move", { path: "m.txt", to: "sub/m.txt" });
    const context = files().context("move");
    expect(await files().readBack("move", { path: "m.txt", to: "sub/m.txt" }, context)).toMatchObject({ found: true });
    expect(await readFile(join(dir, "root", "a.txt"), "utf8")).toBe("one");
  });
});
