/**
 * Owns: mail that leaves the house, so that it leaves at most once and can be traced.
 * Does not own: whether it may leave.
 * Invariants: every mail carries its effect id (header, Message-ID, footer) and says that AI wrote it; a copy lies in
 * Outbox before SMTP begins and in Sent after it was accepted, so a crash leaves one of: no trace (never begun), Outbox
 * (unknown), Sent (done) (S10).
 */
import { Readable } from "node:stream";
import { BulkheadError, isBulkheadError } from "@bulkhead/core";
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
    if (!isBulkheadError(error, "outcome.unknown")) await box?.remove("Outbox", effectId);
    throw error;
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
  const transport = createTransport(await transportOptions(settings, delivery));
  const message = handedOver(raw);
  const abort = () => {
    transport.close();
  };
  delivery.signal.addEventListener("abort", abort, { once: true });
  try {
    const to = [...mail.to, ...(mail.cc ?? [])];
    const sent = await transport.sendMail({ envelope: { from: delivery.settings.from, to }, raw: message.stream });
    return { accepted: sent.accepted.length, rejected: sent.rejected.length };
  } catch (error) {
    throw failed(error, message.begun());
  } finally {
    delivery.signal.removeEventListener("abort", abort);
    transport.close();
  }
}

async function transportOptions({ host, port, secure, user }: SmtpSettings, { password }: Delivery) {
  const local = isLoopback(host);
  return {
    ...{ host, port, secure, requireTLS: !secure && !local, ignoreTLS: !secure && local },
    ...{ connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 20_000 },
    ...(user !== undefined && password && { auth: { user, pass: await password() } }),
  };
}

/** The message as a stream that knows whether anybody began to take it: only the error's text would tell otherwise. */
function handedOver(raw: Buffer): { readonly stream: Readable; readonly begun: () => boolean } {
  let begun = false;
  const stream = new Readable({
    read() {
      begun = true;
      this.push(raw);
      this.push(null);
    },
  });
  return { stream, begun: () => begun };
}

/** A refusal by the server is a failure, and so is whatever went wrong before the message was taken; anything else is unknown. */
function failed(error: unknown, begun: boolean): BulkheadError {
  const { responseCode } = (error ?? {}) as { readonly responseCode?: number };
  if (responseCode !== undefined && responseCode >= 400)
    return new BulkheadError("adapter.failed", `(SMTP ${responseCode})`, { cause: error });
  if (!begun) return new BulkheadError("adapter.unreachable", "(SMTP)", { cause: error });
  return new BulkheadError("outcome.unknown", "(SMTP)", { cause: error });
}
