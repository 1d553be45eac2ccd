import type { JsonValue } from "@bulkhead/schemas";
import { z } from "zod";
import type { ToolContext } from "../context.ts";
import { defineTool, type Tool } from "../define.ts";
import { role } from "../role.ts";
import { type MailDesk, Message } from "./desk.ts";
import { compose } from "./send.ts";

/** The tools that change a mailbox, each with its undoing. */
export function mailChanges(desk: MailDesk): readonly Tool[] {
  return [label(desk), move(desk), draft(desk), discard(desk)];
}

function label(desk: MailDesk): Tool {
  return defineTool({
    ...desk.base,
    name: `${desk.connection}-label`,
    tier: "AUTO+",
    description: `Adds labels to a mail, or removes them. Labels: ${desk.settings.labels.join(", ")}.`,
    effects: ["state"],
    reads: [],
    sentence: "Change the labels of the mail {message}: add {add}, remove {remove}",
    rollback: { mode: "compensate", tool: `${desk.connection}-label` },
    state: ({ message }, context) => desk.look(message, context),
    // Only what the call changes is taken back: a label that was there stays, and one that was not is not added.
    inverse: ({ message, add = [], remove = [] }, before) => {
      const had = labelsIn(before);
      return { message, add: remove.filter((l) => had.includes(l)), remove: add.filter((l) => !had.includes(l)) };
    },
    rehearse: async (context) => {
      const [message, label = "none"] = [await desk.example(context), desk.settings.labels[0]];
      return [
        { message, add: [label] },
        { message: await desk.example(context, [label]), add: [label], remove: [label] },
      ];
    },
    input: z.strictObject({ message: Message, add: desk.labels.optional(), remove: desk.labels.optional() }),
    run: async ({ message, add, remove }, context) => {
      const before = await desk.box(context).label(message, add ?? [], remove ?? []);
      return { message, added: add ?? [], removed: remove ?? [], before };
    },
    readBack: async ({ message, add, remove }, context) => {
      const { labels } = await desk.box(context).read(message, 1);
      const as = (add ?? []).every((l) => labels.includes(l)) && !(remove ?? []).some((l) => labels.includes(l));
      return as ? { found: true, result: { message, added: add ?? [], removed: remove ?? [] } } : { found: false };
    },
  });
}

function move(desk: MailDesk): Tool {
  return defineTool({
    ...desk.base,
    name: `${desk.connection}-move`,
    tier: "AUTO+",
    description: `Files a mail into a folder: ${["INBOX", ...desk.settings.folders].join(", ")}.`,
    effects: ["state"],
    reads: [],
    sentence: "File the mail {message} into {folder}",
    ...movedBack(desk),
    input: z.strictObject({ message: Message, folder: z.enum(["INBOX", ...desk.settings.folders]) }),
    run: async ({ message, folder }, context) => {
      const { from, id } = await desk.box(context).move(message, folder);
      return { message: id, before: message, from, folder };
    },
    readBack: async ({ message, folder }, context) => {
      if (desk.settings.store.type === "imap") return "unknown";
      const found = await desk.box(context).read(message, 1);
      return found.folder === folder ? { found: true, result: { message, folder } } : { found: false };
    },
  });
}

/** A mail that was moved at a mail server has another id there, which nobody knows before: it cannot be moved back for sure. */
function movedBack(desk: MailDesk) {
  const state = ({ message }: { message: string }, context: ToolContext) => desk.look(message, context);
  if (desk.settings.store.type === "imap") return { state };
  const [folder = "INBOX"] = desk.settings.folders;
  return {
    state,
    rollback: { mode: "compensate" as const, tool: `${desk.connection}-move` },
    inverse: ({ message }: { message: string }, before: JsonValue) => ({ message, folder: folderIn(before) }),
    rehearse: async (context: ToolContext) => [{ message: await desk.example(context), folder }],
  };
}

/** Its recipient carries no role: a draft stays in the house until a person sends it. */
function draft(desk: MailDesk): Tool {
  return defineTool({
    ...desk.base,
    name: `${desk.connection}-draft`,
    tier: "AUTO+",
    description: "Writes a draft into the Drafts folder. Nothing is sent.",
    effects: ["state"],
    reads: [],
    sentence: "Draft a mail to {to} about {subject}",
    rollback: { mode: "compensate", tool: `${desk.connection}-discard` },
    state: async (_, context) => ({ drafted: await desk.drafted(context.effectId, context) }),
    inverse: (_args, _before, { effectId }) => ({ effect: effectId }),
    rehearse: () => [{ to: ["rehearsal@example.org"], subject: "Rehearsal", text: "Nothing is sent." }],
    input: z.strictObject({
      to: z.array(z.email().max(254)).min(1).max(10),
      subject: z.string().max(300),
      text: z.string().min(1).max(50_000),
    }),
    run: async (mail, context) => {
      await desk.box(context).append("Drafts", context.effectId, await compose(desk.settings, mail, context.effectId));
      return { drafted: true, effect: context.effectId };
    },
    readBack: async (_, context) => {
      const found = await desk.drafted(context.effectId, context);
      return found ? { found, result: { drafted: true, effect: context.effectId } } : { found };
    },
  });
}

function discard(desk: MailDesk): Tool {
  return defineTool({
    ...desk.base,
    name: `${desk.connection}-discard`,
    description: "Removes a draft that an agent wrote, named by its effect id.",
    effects: ["state"],
    reads: [],
    sentence: "Remove the draft {effect}",
    input: z.strictObject({ effect: role("id", z.string().regex(/^e-[0-9a-f]{32}$/)) }),
    state: async ({ effect }, context) => ({ drafted: await desk.drafted(effect, context) }),
    run: async ({ effect }, context) => {
      await desk.box(context).remove("Drafts", effect);
      return { discarded: effect };
    },
    readBack: async ({ effect }, context) =>
      (await desk.drafted(effect, context)) ? { found: false } : { found: true, result: { discarded: effect } },
  });
}

/** The labels in what `look` saw. */
function labelsIn(state: JsonValue): readonly string[] {
  const { labels } = state as Record<string, JsonValue>;
  return Array.isArray(labels) ? labels.map(String) : [];
}

/** The folder in what `look` saw. */
function folderIn(state: JsonValue): JsonValue | undefined {
  return (state as Record<string, JsonValue>)["folder"];
}
