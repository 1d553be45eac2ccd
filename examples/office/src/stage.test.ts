import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { checkProject, projectAt } from "bulkhead";
import { expect, test } from "vitest";
import { pickMails } from "./mails.ts";
import { newAccount, setStage } from "./stage.ts";

test("the stage is a project that checks, with its own SMTP port and a password of its own", async () => {
  const account = newAccount();
  const stage = await setStage(pickMails(), { port: 2599, account });
  try {
    const checked = await checkProject(projectAt(stage.dir));
    expect(checked).toMatchObject({ ok: true });
    expect(await readFile(join(stage.dir, "bulkhead.yaml"), "utf8")).toContain("port: 2599");
    const secret = join(stage.dir, "credentials", "mail-smtp");
    expect((await stat(secret)).mode & 0o777).toBe(0o600);
    expect(await readFile(secret, "utf8")).toBe(account.password);
    expect(await stage.posts()).toEqual([]);
  } finally {
    await stage.remove();
  }
});

test("what the office grants is what the README promises", async () => {
  const stage = await setStage([], { port: 2599, account: newAccount() });
  const checked = await checkProject(projectAt(stage.dir));
  await stage.remove();
  const agents = checked.ok ? checked.draft.agents : {};
  expect(agents["inbox"]?.tools["mail-send"]?.tier).toBe("CONFIRM");
  expect(agents["finance"]?.tools["payments-transfer"]?.tier).toBe("BLOCK");
  expect(agents["marketing"]?.tools["channel-post"]?.exception?.owner).toBe("ana");
});
