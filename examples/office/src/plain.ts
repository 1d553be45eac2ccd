import { readIdentity } from "@bulkhead/core";
import { subjectOf, type TaskSubmission } from "@bulkhead/schemas";
import { connect, nkeyAuthenticator } from "@nats-io/transport-node";

/** A program that knows nothing of Bulkhead but a subject, and has a key for the bus. */
export interface Program {
  readonly url: string;
  readonly keyFile: string;
}

/** Publishes tasks as any NATS client would: bare JSON, unsigned. They are taken, and their words are trusted with nothing. */
export async function publishPlain(
  { url, keyFile }: Program,
  agent: string,
  tasks: readonly TaskSubmission[],
): Promise<void> {
  const { identity, busSeed } = await readIdentity(keyFile);
  const authenticator = nkeyAuthenticator(new TextEncoder().encode(busSeed));
  const connection = await connect({ servers: url, authenticator, inboxPrefix: `_INBOX.${identity}` });
  for (const task of tasks) connection.publish(subjectOf("submit", { agent }), JSON.stringify(task));
  await connection.drain();
}
