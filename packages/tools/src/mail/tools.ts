import { z } from "zod";
import { defineConnection } from "../connection.ts";
import type { ToolContext } from "../context.ts";
import { defineTool, type Tool } from "../define.ts";
import { normalised } from "../normalise.ts";
import { role } from "../role.ts";
import type { Mailbox } from "./box.ts";
import { mailChanges } from "./changes.ts";
import { MailDesk, Message } from "./desk.ts";
import { textOf } from "./parse.ts";
import { mailReaders } from "./reads.ts";
import { type Delivery, deliver, sentBefore } from "./send.ts";
import { MailSettings } from "./settings.ts";

/**
 * A mailbox and the way out of it. Reading raises A, since anybody can write to it, and B unless the settings say otherwise. Message ids are
 * assigned by the mailbox.
 */
export const mailConnection = defineConnection({
  kind: "mail",
  settings: MailSettings,
  // Only a maildir can be copied: an account at a mail server cannot. The copy has no way out.
  copy: ({ store, ...settings }, dir) =>
    Promise.resolve(
      store.type === "maildir" ? { ...settings, smtp: undefined, store: { ...store, path: dir } } : undefined,
    ),
  tools: (name, settings, base) => {
    const desk = new MailDesk(name, settings, base);
    const changes = settings.store.type === "mbox" ? [] : mailChanges(desk);
    return [...mailReaders(desk), ...changes, ...(settings.smtp ? [send(desk)] : [])];
  },
});

const address = () => normalised(["trim", "lower"], role("recipient", z.email().max(254)));

function send(desk: MailDesk): Tool {
  const user = desk.settings.smtp?.user;
  return defineTool({
    name: `${desk.connection}-send`,
    tier: "CONFIRM",
    description: "Sends a mail.",
    sentence: "Send a mail to {to} about {subject}",
    rollback: { mode: "hold" },
    effects: ["out", "irreversible"],
    reads: [],
    credentials: [...desk.base.credentials, ...(user === undefined ? [] : [`${desk.connection}-smtp`])],
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
      const original = answers === undefined ? "" : await messageId(desk, answers, context);
      return await deliver({ ...mail, ...(original !== "" && { inReplyTo: original }) }, delivery(desk, context));
    },
    readBack: (_, context) => sentBefore(outbox(desk, context), context.effectId),
  });
}

async function messageId(desk: MailDesk, message: string, context: ToolContext): Promise<string> {
  return (await textOf(await desk.box(context).read(message, 64 * 1024), 100)).messageId;
}

function delivery(desk: MailDesk, context: ToolContext): Delivery {
  const { settings, connection } = desk;
  const password = settings.smtp?.user === undefined ? undefined : () => context.credentials(`${connection}-smtp`);
  return { settings, box: outbox(desk, context), password, effectId: context.effectId, signal: context.signal };
}

function outbox(desk: MailDesk, context: ToolContext): Mailbox | undefined {
  return desk.settings.store.type === "mbox" ? undefined : desk.box(context);
}
