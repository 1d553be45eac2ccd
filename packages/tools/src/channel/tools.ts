import { appendFile, readFile } from "node:fs/promises";
import { BulkheadError } from "@bulkhead/core";
import { z } from "zod";
import { defineConnection, placeOf, SettingsPath } from "../connection.ts";
import type { ToolContext } from "../context.ts";
import { defineTool, type Tool } from "../define.ts";

const Settings = z.discriminatedUnion("format", [
  /** The webhook's full URL is a secret: credential `<connection>-webhook`. Its origin is named here. */
  z.strictObject({ format: z.enum(["discord", "slack"]), origin: z.url({ protocol: /^https?$/ }) }),
  /** One JSON line per post, in an existing folder. */
  z.strictObject({ format: z.literal("jsonl"), file: SettingsPath }),
]);
type Settings = z.output<typeof Settings>;

const MAX_TEXT = 1_900;

/** Posts to a channel that people read: Discord or Slack by webhook, or a file. */
export const channelConnection = defineConnection({
  kind: "channel",
  settings: Settings,
  tools: (name, settings, base) => [
    post(name, settings.format === "jsonl" ? { ...settings, file: placeOf(base, settings.file) } : settings),
  ],
});

function post(connection: string, settings: Settings): Tool {
  const webhook = settings.format !== "jsonl";
  return defineTool({
    name: `${connection}-post`,
    description: "Posts a message to the channel. People outside the house may read it.",
    sentence: "Post to the channel: {text}",
    effects: ["out"],
    reads: [],
    rollback: { mode: "hold" },
    timeoutMs: webhook ? 20_000 : 10_000,
    ...(webhook && { credentials: [`${connection}-webhook`], egress: [settings.origin] }),
    input: z.strictObject({ text: z.string().min(1).max(MAX_TEXT) }),
    run: async ({ text }, context) =>
      webhook
        ? await postWebhook(connection, settings.format, text, context)
        : await postLine(settings.file, text, context),
    readBack: async (_, context) => (webhook ? "unknown" : await findLine(settings.file, context.effectId)),
  });
}

async function postWebhook(connection: string, format: "discord" | "slack", text: string, context: ToolContext) {
  const url = await context.credentials(`${connection}-webhook`);
  const answer = await context.http.post(url, bodyOf(format, text, context.effectId));
  if (answer.ok) return { posted: true, effect: context.effectId };
  if (answer.status < 500) throw new BulkheadError("adapter.failed", `(HTTP ${answer.status})`);
  throw new BulkheadError("outcome.unknown", `(HTTP ${answer.status})`);
}

/** Mentions are switched off: a text that an attacker shaped must not ring everybody's telephone. */
function bodyOf(format: "discord" | "slack", text: string, effect: string) {
  const footer = `AI-generated, ${effect}`;
  if (format === "discord")
    return { content: text, allowed_mentions: { parse: [] }, embeds: [{ footer: { text: footer } }] };
  const safe = text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  return {
    text: safe,
    blocks: [
      { type: "section", text: { type: "plain_text", text } },
      { type: "context", elements: [{ type: "plain_text", text: footer }] },
    ],
    metadata: { event_type: "bulkhead_effect", event_payload: { effect } },
  };
}

async function postLine(file: string, text: string, { effectId, clock, agent }: ToolContext) {
  const line = JSON.stringify({ effect: effectId, at: new Date(clock.now()).toISOString(), agent, ai: true, text });
  await appendFile(file, `${line}\n`, { mode: 0o600 });
  return { posted: true, effect: effectId };
}

async function findLine(file: string, effect: string) {
  const lines = await readFile(file, "utf8").catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  });
  const found = lines.includes(`{"effect":"${effect}",`);
  return found ? { found, result: { posted: true, effect } } : { found };
}
