import { Label } from "@bulkhead/schemas";
import { z } from "zod";
import { SettingsPath } from "../connection.ts";

const Host = z.string().regex(/^[A-Za-z0-9.:-]{1,253}$/);
const Name = z.string().regex(/^[A-Za-z][A-Za-z0-9_-]{0,31}$/);

/** Where mail lies: a maildir (read and write), an mbox (read only), or an IMAP account (password: credential `<connection>-imap`). */
export const StoreSettings = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("maildir"), path: SettingsPath }),
  z.strictObject({ type: z.literal("mbox"), path: SettingsPath }),
  z.strictObject({
    type: z.literal("imap"),
    host: Host,
    port: z.int().min(1).max(65_535).default(993),
    secure: z.boolean().default(true),
    user: z.string().min(1).max(320),
  }),
]);
/** Where mail lies. */
export type StoreSettings = z.output<typeof StoreSettings>;

/** How mail leaves: SMTP (password: credential `<connection>-smtp`, if there is a user). TLS is required outside loopback. */
export const SmtpSettings = z.strictObject({
  host: Host,
  port: z.int().min(1).max(65_535).default(465),
  secure: z.boolean().default(true),
  user: z.string().min(1).max(320).optional(),
});
/** How mail leaves. */
export type SmtpSettings = z.output<typeof SmtpSettings>;

/** Settings of a mail connection. Folders and labels are closed lists: an agent can neither invent one nor reach another. */
export const MailSettings = z.strictObject({
  store: StoreSettings,
  smtp: SmtpSettings.optional(),
  /** Labels that reading raises besides A. By default B: what lies here is the house's own. */
  reads: z.array(Label).default(["B"]),
  /** The house's own address. */
  from: z.email(),
  fromName: z.string().max(100).optional(),
  folders: z.array(Name).max(64).default(["Archive"]),
  labels: z.array(Name).max(26).default(["important", "invoice", "newsletter", "spam"]),
  /** Said at the end of every mail; its effect id follows. */
  disclosure: z.string().min(1).max(200).default("This mail was written with the help of AI."),
  /** The text of one mail, at most. */
  maxTextChars: z.int().min(100).max(100_000).default(20_000),
});
/** Settings of a mail connection. */
export type MailSettings = z.output<typeof MailSettings>;

/** Folders beside the user's own. `Outbox` holds what is being sent, `Sent` what was. */
export const SYSTEM_FOLDERS = ["INBOX", "Drafts", "Outbox", "Sent"] as const;
