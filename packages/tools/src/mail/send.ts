/**
 * Owns: mail that leaves the house, so that it leaves at most once and can be traced.
 * Does not own: whether it may leave.
 * Invariants: every mail carries its effect id (header, Message-ID, footer) and says that AI wrote it; a copy lies in
 * Outbox before SMTP begins and in Sent after it was accepted, so a crash leaves one of: no trace (never begun), Outbox
 * (unknown), Sent (done) (S10).
 */
import { BulkheadError } from "@bulkhead/core";
import { createTransport } from "nodemailer";
import MailComposer from "nodemailer/lib/mail-composer";
import type { ReadBack } from "../define.ts";
import type { Mailbox } from "./box.ts";
import { isLoopback } from "./loopback.ts";
import type { MailSettings, SmtpSettings } from "./settings.ts";

/** A mail as an agent asks for it. */
export interface Outgoing {
  readonly to: readonly string[];
  readonly cc?: readonly string[] | undefined;
  readonly subject: string;
  readonly text: string;
  /** The Message-ID that it answers. */
  readonly inReplyTo?: string;
}

/** The mail's bytes: what is stored is what is sent. */
export async function compose(settings: MailSettings, mail: Outgoing, effectId: string): Promise<Buffer> {
  const domain = settings.from.slice(settings.from.lastIndexOf("@") + 1);
  const composer = new MailComposer({
    ...{ from: { address: settings.from, name: settings.fromName ?? "" }, to: [...mail.to], cc: [...(mail.cc ?? [])] },
    subject: mail.subject,
    text: `${mail.text}\n\n-- \n${settings.disclosure} [${effectId}]\n`,
    messageId: `<${effectId}@${domain}>`,
    headers: { "X-Bulkhead-Effect": effectId, "X-AI-Generated": "true", "Auto-Submitted": "auto-generated" },
    ...(mail.inReplyTo !== undefined && { inReplyTo: mail.inReplyTo, references: mail.inReplyTo }),
    ...{ disableFileAccess: true, disableUrlAccess: true },
  });
  return await composer.compile().build();
}

/** How one mail is delivered. */
export interface Delivery {
  readonly settings: MailSettings;
  readonly box: Mailbox | undefined;
  readonly password: (() => Promise<string>) | undefined;
  readonly effectId: string;
  readonly signal: AbortSignal;
}

/** Sends. @throws BulkheadError `adapter.*` when it surely was not sent, `outcome.unknown` otherwise */
export async function deliver(mail: Outgoing, delivery: Delivery) {
  const { settings, box, effectId } = delivery;
  if (settings.smtp === undefined) throw new BulkheadError("adapter.missing", "(this connection has no smtp)");
  const raw = await compose(settings, mail, effectId);
  await box?.append("Outbox", effectId, raw);
  const answer = await smtp(settings.smtp, raw, mail, delivery).catch(async (error: unknown) => {
    const failure = failed(error);
    if (failure.code !== "outcome.unknown") await box?.remove("Outbox", effectId);
    throw failure;
  });
  const filed = await fileAsSent(box, effectId, raw);
  return { sent: true, effect: effectId, filed, ...answer };
}

/** The mail has left: a mailbox that fails now changes nothing about that. */
async function fileAsSent(box: Mailbox | undefined, effectId: string, raw: Uint8Array): Promise<boolean> {
  try {
    await box?.append("Sent", effectId, raw);
    await box?.remove("Outbox", effectId);
    return box !== undefined;
  } catch {
    return false;
  }
}

/** What the mailbox knows of a mail that may have been sent. */
export async function sentBefore(box: Mailbox | undefined, effectId: string): Promise<ReadBack> {
  if (box === undefined) return "unknown";
  if (await box.find("Sent", effectId)) return { found: true, result: { sent: true, effect: effectId } };
  return (await box.find("Outbox", effectId)) ? "unknown" : { found: false };
}

async function smtp(settings: SmtpSettings, raw: Buffer, mail: Outgoing, delivery: Delivery) {
  const { host, port, secure, user } = settings;
  const local = isLoopback(host);
  const transport = createTransport({
    ...{ host, port, secure, requireTLS: !secure && !local, ignoreTLS: !secure && local },
    ...{ connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 20_000 },
    ...(user !== undefined && delivery.password && { auth: { user, pass: await delivery.password() } }),
  });
  const abort = () => {
    transport.close();
  };
  delivery.signal.addEventListener("abort", abort, { once: true });
  try {
    const to = [...mail.to, ...(mail.cc ?? [])];
    const sent = await transport.sendMail({ envelope: { from: delivery.settings.from, to }, raw });
    return { accepted: sent.accepted.length, rejected: sent.rejected.length };
  } finally {
    delivery.signal.removeEventListener("abort", abort);
    transport.close();
  }
}

interface SmtpFailure {
  readonly code?: string;
  readonly command?: string;
  readonly responseCode?: number;
}

/** A refusal by the server, or a connection lost before the message was handed over, is a failure; anything else is unknown. */
function failed(error: unknown): BulkheadError {
  const { code, command, responseCode } = (error ?? {}) as SmtpFailure;
  if (responseCode !== undefined && responseCode >= 400)
    return new BulkheadError("adapter.failed", `(SMTP ${responseCode})`, { cause: error });
  if (code === "EDNS" || code === "EAUTH" || code === "ETLS" || command === "CONN")
    return new BulkheadError("adapter.unreachable", "(SMTP)", { cause: error });
  if (code === "EENVELOPE") return new BulkheadError("adapter.failed", "(no valid recipient)", { cause: error });
  return new BulkheadError("outcome.unknown", "(SMTP)", { cause: error });
}
