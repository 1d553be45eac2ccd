import type { Label } from "@bulkhead/schemas";
import { z } from "zod";
import { defineConnection, placeOf } from "../connection.ts";
import type { ToolContext } from "../context.ts";
import { defineTool, type Tool } from "../define.ts";
import { normalised } from "../normalise.ts";
import { role } from "../role.ts";
import { MAX_RAW_BYTES, type Mailbox } from "./box.ts";
import { imap } from "./imap.ts";
import { maildir } from "./maildir.ts";
import { mbox } from "./mbox.ts";
import { headOf, textOf } from "./parse.ts";
import { compose, type Delivery, deliver, sentBefore } from "./send.ts";
import { MailSettings, SYSTEM_FOLDERS } from "./settings.ts";

/**
 * A mailbox and the way out of it. Reading raises A, since anybody can write to it, and B unless the settings say otherwise. Message ids are
 * assigned by the mailbox.
 */
export const mailConnection = defineConnection({
  kind: "mail",
  settings: MailSettings,
  tools: (name, settings, base) => {
    const mail = new MailTools(name, settings, base);
    const changing = settings.store.type === "mbox" ? [] : [mail.label(), mail.move(), mail.draft()];
    return [mail.list(), mail.read(), mail.search(), ...changing, ...(settings.smtp ? [mail.send()] : [])];
  },
});

const address = () => normalised(["trim", "lower"], role("recipient", z.email().max(254)));
const Message = role("id", z.string().regex(/^[im]-[0-9a-f-]{1,40}$/));
const MAX_SEARCHED = 300;
const LOCAL_TIMEOUT_MS = 10_000;

class MailTools {
  private readonly connection: string;
  private readonly settings: MailSettings;
  private readonly root: string;
  private readonly folder: z.ZodEnum<Record<string, string>>;
  private readonly labels: z.ZodArray<z.ZodEnum<Record<string, string>>>;
  private readonly base: { reads: Label[]; credentials: string[]; timeoutMs: number };

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

  list(): Tool {
    return defineTool({
      ...this.base,
      name: `${this.connection}-list`,
      description: "Lists the newest mails of a folder: id, sender, subject, date, labels.",
      effects: [],
      input: z.strictObject({ folder: this.folder.optional(), limit: z.int().min(1).max(100).optional() }),
      run: async ({ folder, limit }, context) => {
        const found = await this.box(context).list(folder ?? "INBOX", limit ?? 20);
        return { messages: await Promise.all(found.map(headOf)) };
      },
    });
  }

  read(): Tool {
    return defineTool({
      ...this.base,
      name: `${this.connection}-read`,
      description: "Reads one mail: sender, subject, text, and a list of its attachments.",
      effects: [],
      input: z.strictObject({ message: Message }),
      run: async ({ message }, context) => {
        const found = await this.box(context).read(message, MAX_RAW_BYTES);
        return await textOf(found, this.settings.maxTextChars);
      },
    });
  }

  search(): Tool {
    return defineTool({
      ...this.base,
      name: `${this.connection}-search`,
      description: "Finds mails of a folder whose sender, subject or text contains the words.",
      effects: [],
      input: z.strictObject({
        query: z.string().min(1).max(200),
        folder: this.folder.optional(),
        limit: z.int().min(1).max(50).optional(),
      }),
      run: async ({ query, folder, limit }, context) => {
        const wanted = query.normalize("NFC").toLowerCase();
        const found = await this.box(context).list(folder ?? "INBOX", MAX_SEARCHED);
        const read = await Promise.all(found.map((message) => textOf({ ...message, raw: message.head }, 20_000)));
        const hits = read.filter(({ from, subject, text }) =>
          `${from}\n${subject}\n${text}`.toLowerCase().includes(wanted),
        );
        const ids = new Set(hits.slice(0, limit ?? 20).map(({ id }) => id));
        return {
          searched: found.length,
          messages: await Promise.all(found.filter(({ id }) => ids.has(id)).map(headOf)),
        };
      },
    });
  }

  label(): Tool {
    return defineTool({
      ...this.base,
      name: `${this.connection}-label`,
      tier: "AUTO+",
      description: `Adds labels to a mail, or removes them. Labels: ${this.settings.labels.join(", ")}.`,
      effects: ["state"],
      reads: [],
      rollback: { mode: "compensate", tool: `${this.connection}-label` },
      input: z.strictObject({ message: Message, add: this.labels.optional(), remove: this.labels.optional() }),
      run: async ({ message, add, remove }, context) => {
        const before = await this.box(context).label(message, add ?? [], remove ?? []);
        return { message, added: add ?? [], removed: remove ?? [], before };
      },
      readBack: async ({ message, add, remove }, context) => {
        const { labels } = await this.box(context).read(message, 1);
        const as = (add ?? []).every((l) => labels.includes(l)) && !(remove ?? []).some((l) => labels.includes(l));
        return as ? { found: true, result: { message, added: add ?? [], removed: remove ?? [] } } : { found: false };
      },
    });
  }

  move(): Tool {
    return defineTool({
      ...this.base,
      name: `${this.connection}-move`,
      tier: "AUTO+",
      description: `Files a mail into a folder: ${["INBOX", ...this.settings.folders].join(", ")}.`,
      effects: ["state"],
      reads: [],
      rollback: { mode: "compensate", tool: `${this.connection}-move` },
      input: z.strictObject({ message: Message, folder: z.enum(["INBOX", ...this.settings.folders]) }),
      run: async ({ message, folder }, context) => {
        const { from, id } = await this.box(context).move(message, folder);
        return { message: id, before: message, from, folder };
      },
      readBack: async ({ message, folder }, context) => {
        if (this.settings.store.type === "imap") return "unknown";
        const found = await this.box(context).read(message, 1);
        return found.folder === folder ? { found: true, result: { message, folder } } : { found: false };
      },
    });
  }

  /** Its recipient carries no role: a draft stays in the house until a person sends it. */
  draft(): Tool {
    return defineTool({
      ...this.base,
      name: `${this.connection}-draft`,
      tier: "AUTO+",
      description: "Writes a draft into the Drafts folder. Nothing is sent.",
      effects: ["state"],
      reads: [],
      input: z.strictObject({
        to: z.array(z.email().max(254)).min(1).max(10),
        subject: z.string().max(300),
        text: z.string().min(1).max(50_000),
      }),
      run: async (mail, context) => {
        await this.box(context).append(
          "Drafts",
          context.effectId,
          await compose(this.settings, mail, context.effectId),
        );
        return { drafted: true, effect: context.effectId };
      },
      readBack: async (_, context) => {
        const found = (await this.box(context).find("Drafts", context.effectId)) !== undefined;
        return found ? { found, result: { drafted: true, effect: context.effectId } } : { found };
      },
    });
  }

  send(): Tool {
    const user = this.settings.smtp?.user;
    return defineTool({
      name: `${this.connection}-send`,
      tier: "CONFIRM",
      description: "Sends a mail.",
      effects: ["out", "irreversible"],
      reads: [],
      credentials: [...this.base.credentials, ...(user === undefined ? [] : [`${this.connection}-smtp`])],
      timeoutMs: 30_000,
      input: z.strictObject({
        to: z.array(address()).min(1).max(10),
        cc: z.array(address()).max(10).optional(),
        subject: z.string().max(300),
        text: z.string().min(1).max(50_000),
        /** The mail that this answers: its thread is kept. */
        answers: Message.optional(),
      }),
      run: async ({ answers, ...mail }, context) => {
        const original = answers === undefined ? "" : await this.messageId(answers, context);
        return await deliver({ ...mail, ...(original !== "" && { inReplyTo: original }) }, this.delivery(context));
      },
      readBack: (_, context) => sentBefore(this.outbox(context), context.effectId),
    });
  }

  private async messageId(message: string, context: ToolContext): Promise<string> {
    return (await textOf(await this.box(context).read(message, 64 * 1024), 100)).messageId;
  }

  private delivery(context: ToolContext): Delivery {
    const { settings, connection } = this;
    const password = settings.smtp?.user === undefined ? undefined : () => context.credentials(`${connection}-smtp`);
    return { settings, box: this.outbox(context), password, effectId: context.effectId, signal: context.signal };
  }

  private outbox(context: ToolContext): Mailbox | undefined {
    return this.settings.store.type === "mbox" ? undefined : this.box(context);
  }

  private box(context: ToolContext): Mailbox {
    const { store, folders } = this.settings;
    const all = [...folders, ...SYSTEM_FOLDERS.filter((folder) => folder !== "INBOX")];
    if (store.type === "maildir") return maildir(this.root, all);
    if (store.type === "mbox") return mbox(this.root);
    return imap({ settings: store, folders: all, password: () => context.credentials(`${this.connection}-imap`) });
  }
}
