import type { Label } from "@bulkhead/schemas";
import { z } from "zod";
import { placeOf } from "../connection.ts";
import type { ToolContext } from "../context.ts";
import { role } from "../role.ts";
import { HEAD_BYTES, type Mailbox } from "./box.ts";
import { imap } from "./imap.ts";
import { maildir } from "./maildir.ts";
import { mbox } from "./mbox.ts";
import { headOf } from "./parse.ts";
import { type MailSettings, SYSTEM_FOLDERS } from "./settings.ts";

/** A mail's id, as the mailbox assigns it. */
export const Message = role("id", z.string().regex(/^[im]-[0-9a-f-]{1,40}$/));

const LOCAL_TIMEOUT_MS = 10_000;
const EXAMPLE = "From: rehearsal@example.org\r\nSubject: Rehearsal\r\n\r\nA mail.\r\n";

/** What the tools of one mail connection work with. */
export class MailDesk {
  readonly connection: string;
  readonly settings: MailSettings;
  readonly folder: z.ZodEnum<Record<string, string>>;
  readonly labels: z.ZodArray<z.ZodEnum<Record<string, string>>>;
  readonly base: { reads: Label[]; credentials: string[]; timeoutMs: number };
  private readonly root: string;

  constructor(connection: string, settings: MailSettings, base: string) {
    this.connection = connection;
    this.settings = settings;
    this.root = settings.store.type === "imap" ? "" : placeOf(base, settings.store.path);
    this.folder = z.enum(["INBOX", ...settings.folders, "Drafts", "Sent"]);
    this.labels = z.array(z.enum(settings.labels.length > 0 ? settings.labels : ["none"])).max(8);
    const remote = settings.store.type === "imap";
    this.base = {
      reads: ["A", ...settings.reads],
      credentials: remote ? [`${connection}-imap`] : [],
      timeoutMs: remote ? 20_000 : LOCAL_TIMEOUT_MS,
    };
  }

  box(context: ToolContext): Mailbox {
    const { store, folders } = this.settings;
    const all = [...folders, ...SYSTEM_FOLDERS.filter((folder) => folder !== "INBOX")];
    if (store.type === "maildir") return maildir(this.root, all);
    if (store.type === "mbox") return mbox(this.root);
    return imap({ settings: store, folders: all, password: () => context.credentials(`${this.connection}-imap`) });
  }

  /** A mail as a person recognises it, with what labelling and moving change. */
  async look(message: string, context: ToolContext) {
    const { folder, labels, from, subject } = await headOf(await this.box(context).read(message, HEAD_BYTES));
    return { folder, labels: [...labels].sort(), from, subject };
  }

  async drafted(effectId: string, context: ToolContext): Promise<boolean> {
    return (await this.box(context).find("Drafts", effectId)) !== undefined;
  }

  /** A mail to rehearse on, in the inbox of a throw-away copy. */
  async example(context: ToolContext, labels: readonly string[] = []): Promise<string> {
    const [box, effect] = [this.box(context), `${context.effectId}${labels.length}`];
    await box.append("INBOX", effect, Buffer.from(EXAMPLE));
    const { id } = (await box.find("INBOX", effect)) ?? { id: "" };
    await box.label(id, labels, []);
    return id;
  }
}
