import { createHash } from "node:crypto";
import { boundText, htmlToText, normaliseText } from "@bulkhead/content";
import PostalMime from "postal-mime";
import { type BoxMessage, HEAD_BYTES } from "./box.ts";

/** A message's headers in a form that can be shown: text from outside, all of it. */
export interface MailHead {
  readonly id: string;
  readonly folder: string;
  readonly labels: readonly string[];
  readonly from: string;
  readonly to: string;
  readonly subject: string;
  readonly date: string;
  readonly bytes: number;
}

/** A message that was read. Attachments are listed, never inlined. */
export interface MailText extends MailHead {
  readonly cc: string;
  readonly text: string;
  readonly truncated: boolean;
  readonly malformed: boolean;
  readonly attachments: readonly { readonly name: string; readonly type: string; readonly bytes: number }[];
  readonly digest: string;
  readonly messageId: string;
}

type Parsed = Awaited<ReturnType<typeof PostalMime.parse>>;

const LIMITS = { maxNestingDepth: 32, maxHeadersSize: 256 * 1024, maxRfc822NestingDepth: 2 };
const MAX_LINE = 300;
const MAX_ATTACHMENTS = 50;
const [LINE_FEED, SPACE] = [0x0a, 0x20];
/** A line of base64, which has no spaces, is at least this long. */
const ENCODED_LENGTH = 60;
const ENCODED_COST = 1 / 16;
const MAX_COST = 30_000;

const line = (text: string | undefined): string =>
  boundText(
    normaliseText(text ?? "")
      .replace(/\s+/g, " ")
      .trim(),
    MAX_LINE,
  ).text;

/** The headers of a message, from its beginning. Never throws: garbage has empty headers. */
export async function headOf(message: BoxMessage): Promise<MailHead> {
  const parsed = await parse(headersOnly(message.head));
  return shownHead(message, parsed);
}

/** The text of a message, of at most `maxChars`. Never throws: what is no mail is shown as text. */
export async function textOf(message: BoxMessage & { readonly raw: Uint8Array }, maxChars: number): Promise<MailText> {
  const readable = parsable(message.raw);
  const parsed = await parse(readable);
  const body = parsed ? bodyOf(parsed, maxChars) : Buffer.from(message.raw.subarray(0, maxChars)).toString("latin1");
  const { text, truncated } = boundText(normaliseText(body), maxChars);
  return {
    ...shownHead(message, parsed),
    ...{ cc: addresses(parsed?.cc), text, malformed: parsed === undefined || parsed.headers.length === 0 },
    truncated: truncated || readable.length < message.bytes,
    attachments: attachmentsOf(parsed),
    digest: `sha256:${createHash("sha256").update(message.raw).digest("hex")}`,
    messageId: messageId(parsed?.messageId),
  };
}

/**
 * As much of a message as can be parsed without holding up this process: the parser's time grows with the lines of text, of
 * which a hostile mail may have millions. Lines of an encoded attachment cost it next to nothing.
 */
function parsable(raw: Uint8Array): Uint8Array {
  let cost = 0;
  let space = raw.indexOf(SPACE);
  for (let start = 0; start < raw.length; ) {
    const end = raw.indexOf(LINE_FEED, start);
    if (end === -1) return raw;
    if (space !== -1 && space < start) space = raw.indexOf(SPACE, start);
    const encoded = end - start >= ENCODED_LENGTH && (space === -1 || space > end);
    cost += encoded ? ENCODED_COST : 1;
    if (cost > MAX_COST) return raw.subarray(0, end + 1);
    start = end + 1;
  }
  return raw;
}

async function parse(raw: Uint8Array): Promise<Parsed | undefined> {
  try {
    return await PostalMime.parse(raw, LIMITS);
  } catch {
    return undefined;
  }
}

function headersOnly(head: Uint8Array): Uint8Array {
  const bytes = Buffer.from(head.buffer, head.byteOffset, Math.min(head.length, HEAD_BYTES));
  const ends = ["\r\n\r\n", "\n\n"].map((end) => bytes.indexOf(end)).filter((end) => end !== -1);
  return ends.length === 0 ? bytes : bytes.subarray(0, Math.min(...ends));
}

function shownHead({ id, folder, labels, bytes }: BoxMessage, parsed: Parsed | undefined): MailHead {
  const [from, to] = [addresses(parsed?.from && [parsed.from]), addresses(parsed?.to)];
  return { id, folder, labels, from, to, subject: line(parsed?.subject), date: line(parsed?.date), bytes };
}

/** HTML beyond a bound is not looked at: a text of `maxChars` comes from far less. */
function bodyOf({ text, html }: Parsed, maxChars: number): string {
  if (text !== undefined && text.trim() !== "") return boundText(text, maxChars * 2).text;
  return htmlToText(boundText(html ?? "", Math.max(1_000_000, maxChars * 20)).text);
}

function addresses(list: Parsed["to"]): string {
  const flat = (list ?? []).flatMap((entry) => entry.group ?? [entry]);
  return line(
    flat
      .slice(0, 20)
      .map(({ name, address }) => (name ? `${name} <${address}>` : address))
      .join(", "),
  );
}

function attachmentsOf(parsed: Parsed | undefined): MailText["attachments"] {
  return (parsed?.attachments ?? []).slice(0, MAX_ATTACHMENTS).map(({ filename, mimeType, content }) => ({
    name: line(filename ?? "unnamed"),
    type: line(mimeType),
    bytes: typeof content === "string" ? content.length : content.byteLength,
  }));
}

function messageId(value: string | undefined): string {
  return /^<[^\s<>]{1,250}>$/.test(value ?? "") ? (value as string) : "";
}
