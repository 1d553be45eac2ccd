import { z } from "zod";
import { defineTool, type Tool } from "../define.ts";
import { MAX_RAW_BYTES } from "./box.ts";
import { type MailDesk, Message } from "./desk.ts";
import { headOf, textOf } from "./parse.ts";

const MAX_SEARCHED = 300;

/** The tools that read a mailbox. */
export function mailReaders(desk: MailDesk): readonly Tool[] {
  return [list(desk), read(desk), search(desk)];
}

function list(desk: MailDesk): Tool {
  return defineTool({
    ...desk.base,
    name: `${desk.connection}-list`,
    description: "Lists the newest mails of a folder: id, sender, subject, date, labels.",
    effects: [],
    input: z.strictObject({ folder: desk.folder.optional(), limit: z.int().min(1).max(100).optional() }),
    run: async ({ folder, limit }, context) => {
      const found = await desk.box(context).list(folder ?? "INBOX", limit ?? 20);
      return { messages: await Promise.all(found.map(headOf)) };
    },
  });
}

function read(desk: MailDesk): Tool {
  return defineTool({
    ...desk.base,
    name: `${desk.connection}-read`,
    description: "Reads one mail: sender, subject, text, and a list of its attachments.",
    effects: [],
    input: z.strictObject({ message: Message }),
    run: async ({ message }, context) => {
      const found = await desk.box(context).read(message, MAX_RAW_BYTES);
      return await textOf(found, desk.settings.maxTextChars);
    },
  });
}

function search(desk: MailDesk): Tool {
  return defineTool({
    ...desk.base,
    name: `${desk.connection}-search`,
    description: "Finds mails of a folder whose sender, subject or text contains the words.",
    effects: [],
    input: z.strictObject({
      query: z.string().min(1).max(200),
      folder: desk.folder.optional(),
      limit: z.int().min(1).max(50).optional(),
    }),
    run: async ({ query, folder, limit }, context) => {
      const wanted = query.normalize("NFC").toLowerCase();
      const found = await desk.box(context).list(folder ?? "INBOX", MAX_SEARCHED);
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
