import { randomBytes } from "node:crypto";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deliver, type OfficeMail } from "./mails.ts";
import type { Account } from "./smtp.ts";

/** The folder of one run: a copy of the office with its mails and its password, outside the repository. */
export interface Stage {
  readonly dir: string;
  /** Where the post office writes down what it delivered. */
  readonly deliveries: string;
  /** The posts of the channel, one line each. */
  posts(): Promise<string[]>;
  remove(): Promise<void>;
}

/** The account with which the office sends mail; a new password for every run. */
export function newAccount(): Account {
  return { user: "office", password: randomBytes(18).toString("base64url") };
}

/** Sets the stage: policy with the post office's port, mails in the mailbox, the SMTP password in a file of mode 0600. */
export async function setStage(mails: readonly OfficeMail[], smtp: { port: number; account: Account }): Promise<Stage> {
  const dir = await mkdtemp(join(tmpdir(), "bulkhead-office-"));
  const source = join(import.meta.dirname, "..");
  const policy = await readFile(join(source, "bulkhead.yaml"), "utf8");
  await writeFile(join(dir, "bulkhead.yaml"), policy.replace("port: 2525", `port: ${smtp.port}`));
  for (const folder of ["files", "rules"]) await cp(join(source, folder), join(dir, folder), { recursive: true });
  await mkdir(join(dir, "credentials"), { mode: 0o700 });
  await writeFile(join(dir, "credentials", "mail-smtp"), smtp.account.password, { mode: 0o600 });
  await deliver(join(dir, "mail"), mails);
  return {
    dir,
    deliveries: join(dir, "delivered.jsonl"),
    posts: () => linesOf(join(dir, "channel.jsonl")),
    remove: () => rm(dir, { recursive: true, force: true }),
  };
}

async function linesOf(file: string): Promise<string[]> {
  const text = await readFile(file, "utf8").catch(() => "");
  return text.split("\n").filter((line) => line !== "");
}
