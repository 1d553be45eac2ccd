/** A process that answers a subject with what it got: the other end of the bare request. */
import { connect, nkeyAuthenticator } from "@nats-io/transport-node";

const [servers = "", seed = "", subject = ""] = process.argv.slice(2);
const nc = await connect({
  servers,
  authenticator: nkeyAuthenticator(new TextEncoder().encode(seed)),
  inboxPrefix: "_INBOX.exec-mail",
});
nc.subscribe(subject, {
  callback: (_, message) => {
    message.respond(message.data);
  },
});
await nc.flush();
process.stdout.write("ready\n");
process.stdin.resume().once("end", () => {
  process.exit();
});
