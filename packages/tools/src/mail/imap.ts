/**
 * Owns: an IMAP account through `imapflow`, one connection per operation (nothing lives between two calls).
 * Does not own: the password (resolved by the executor for each call).
 * Invariants: an id is folder, UIDVALIDITY and UID, which the server assigns; TLS is required outside loopback.
 */
import { BulkheadError } from "@bulkhead/core";
import { type FetchMessageObject, ImapFlow } from "imapflow";
import { type BoxMessage, HEAD_BYTES, type Mailbox } from "./box.ts";
import { isLoopback } from "./loopback.ts";
import type { StoreSettings } from "./settings.ts";

/** Where the account is, and how to get its password. */
export interface ImapAccount {
  readonly settings: Extract<StoreSettings, { type: "imap" }>;
  readonly folders: readonly string[];
  readonly password: () => Promise<string>;
}

const EFFECT_HEADER = "x-bulkhead-effect";

/** An IMAP mailbox. */
export function imap(account: ImapAccount): Mailbox {
  const inFolder = <T>(folder: string, work: (client: ImapFlow) => Promise<T>) => session(account, folder, work);
  const byId = async <T>(id: string, work: (client: ImapFlow, uid: string, folder: string) => Promise<T>) => {
    const { folder, uid, validity } = place(account, id);
    return await inFolder(folder, async (client) => {
      const open = client.mailbox;
      if (!open || String(open.uidValidity) !== validity)
        throw new BulkheadError("adapter.failed", "(no such message)");
      return await work(client, uid, folder);
    });
  };
  return {
    list: (folder, limit) => inFolder(folder, (client) => newest(account, client, folder, limit)),
    read: (id, maxBytes) =>
      byId(id, async (client, uid, folder) => {
        const query = { uid: true, flags: true, size: true, source: { maxLength: maxBytes } };
        const found = await client.fetchOne(uid, query, { uid: true });
        if (!found) throw new BulkheadError("adapter.failed", "(no such message)");
        const message = shown(account, client, folder, found);
        return { ...message, raw: message.head };
      }),
    label: (id, add, remove) =>
      byId(id, async (client, uid, folder) => {
        const found = await client.fetchOne(uid, { uid: true, flags: true }, { uid: true });
        if (!found) throw new BulkheadError("adapter.failed", "(no such message)");
        const added = add.length === 0 || (await client.messageFlagsAdd(uid, [...add], { uid: true }));
        const removed = remove.length === 0 || (await client.messageFlagsRemove(uid, [...remove], { uid: true }));
        if (!added || !removed) throw new BulkheadError("adapter.failed", "(the server keeps no labels of one's own)");
        return shown(account, client, folder, found).labels;
      }),
    move: (id, folder) =>
      byId(id, async (client, uid, from) => {
        await create(client, folder);
        const moved = await client.messageMove(uid, folder, { uid: true });
        if (!moved) throw new BulkheadError("adapter.failed", "(the server did not move it)");
        const after = moved.uidMap?.get(Number(uid));
        return { from, id: after === undefined ? "" : idOf(account, folder, moved.uidValidity, after) };
      }),
    append: (folder, _effectId, raw) =>
      inFolder("INBOX", async (client) => {
        await create(client, folder);
        const flags = folder === "Drafts" ? ["\\Draft", "\\Seen"] : ["\\Seen"];
        if (!(await client.append(folder, Buffer.from(raw), flags)))
          throw new BulkheadError("adapter.failed", "(not stored)");
      }),
    find: (folder, effectId) =>
      inFolder(folder, async (client) => {
        const uid = (await ofEffect(client, effectId))[0];
        const open = client.mailbox;
        return uid === undefined || !open ? undefined : { id: idOf(account, folder, open.uidValidity, uid) };
      }),
    remove: (folder, effectId) =>
      inFolder(folder, async (client) => {
        const uids = await ofEffect(client, effectId);
        if (uids.length > 0) await client.messageDelete(uids, { uid: true });
      }),
  };
}

async function session<T>(account: ImapAccount, folder: string, work: (client: ImapFlow) => Promise<T>): Promise<T> {
  const { host, port, secure, user } = account.settings;
  const doSTARTTLS = secure || isLoopback(host) ? undefined : true;
  const client = new ImapFlow({
    ...{ host, port, secure, logger: false, auth: { user, pass: await account.password() } },
    ...(doSTARTTLS !== undefined && { doSTARTTLS }),
  });
  client.on("error", () => undefined);
  try {
    await client.connect();
  } catch (cause) {
    throw new BulkheadError("adapter.unreachable", "(IMAP)", { cause });
  }
  try {
    if (folder !== "INBOX") await create(client, folder);
    await client.mailboxOpen(folder);
    return await work(client);
  } finally {
    await client.logout().catch(() => {
      client.close();
    });
  }
}

async function create(client: ImapFlow, folder: string): Promise<void> {
  const known = await client.list();
  if (!known.some(({ path }) => path === folder)) await client.mailboxCreate(folder);
}

async function ofEffect(client: ImapFlow, effectId: string): Promise<number[]> {
  const found = await client.search({ header: { [EFFECT_HEADER]: effectId } }, { uid: true });
  return Array.isArray(found) ? found : [];
}

async function newest(account: ImapAccount, client: ImapFlow, folder: string, limit: number): Promise<BoxMessage[]> {
  const total = client.mailbox ? client.mailbox.exists : 0;
  if (total === 0) return [];
  const query = { uid: true, flags: true, size: true, source: { maxLength: HEAD_BYTES } };
  const found = await client.fetchAll(`${Math.max(1, total - limit + 1)}:*`, query);
  return found.reverse().map((message) => shown(account, client, folder, message));
}

function shown(account: ImapAccount, client: ImapFlow, folder: string, found: FetchMessageObject): BoxMessage {
  const validity = client.mailbox ? client.mailbox.uidValidity : 0n;
  const labels = [...(found.flags ?? [])].filter((flag) => /^[A-Za-z]/.test(flag));
  const head = found.source ?? new Uint8Array();
  return { id: idOf(account, folder, validity, found.uid), folder, labels, bytes: found.size ?? head.length, head };
}

function idOf({ folders }: ImapAccount, folder: string, validity: bigint | undefined, uid: number): string {
  return `i-${["INBOX", ...folders].indexOf(folder)}-${String(validity ?? 0n)}-${uid}`;
}

function place({ folders }: ImapAccount, id: string): { folder: string; validity: string; uid: string } {
  const [, index, validity = "", uid = ""] = /^i-(\d{1,3})-(\d{1,12})-(\d{1,12})$/.exec(id) ?? [];
  const folder = ["INBOX", ...folders][Number(index ?? Number.NaN)];
  if (folder === undefined) throw new BulkheadError("adapter.failed", "(no such message)");
  return { folder, validity, uid };
}
