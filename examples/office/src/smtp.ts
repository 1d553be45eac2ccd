import { appendFileSync } from "node:fs";
import { createServer } from "node:net";
import { text } from "node:stream/consumers";
import { SMTPServer } from "smtp-server";

/** A mail as it arrived at the far end: what really left the house. */
export interface ReceivedMail {
  readonly from: string;
  readonly to: readonly string[];
  readonly source: string;
}

/** A mail server of the outside world, on loopback. It keeps what it receives in memory and delivers nothing further. */
export interface PostOffice extends AsyncDisposable {
  readonly port: number;
  readonly received: readonly ReceivedMail[];
  /** From now on writes down what arrives, one JSON object a line: the outside's own record, which the watchdog compares with the house's. */
  keepLog(file: string): void;
}

/** Sign-in data that the post office asks for. */
export interface Account {
  readonly user: string;
  readonly password: string;
}

/** Opens a post office on a free loopback port; only `account` may send. */
export async function openPostOffice(account: Account): Promise<PostOffice> {
  const received: ReceivedMail[] = [];
  let log: string | undefined;
  const server = new SMTPServer({
    hideSTARTTLS: true,
    allowInsecureAuth: true,
    disableReverseLookup: true,
    authMethods: ["PLAIN", "LOGIN"],
    onAuth: (auth, _session, done) => {
      const known = auth.username === account.user && auth.password === account.password;
      if (known) done(null, { user: account.user });
      else done(new Error("wrong user or password"));
    },
    onData: (stream, session, done) => {
      const { mailFrom, rcptTo } = session.envelope;
      const to = rcptTo.map(({ address }) => address);
      text(stream).then((source) => {
        const mail = { from: mailFrom === false ? "" : mailFrom.address, to, source };
        received.push(mail);
        if (log !== undefined) appendFileSync(log, logLine(mail));
        done();
      }, done);
    },
  });
  const port = await listen(server);
  const keepLog = (file: string): void => {
    log = file;
  };
  return { port, received, keepLog, [Symbol.asyncDispose]: () => close(server) };
}

function logLine(mail: ReceivedMail): string {
  return `${JSON.stringify({ effect: headerOf(mail, "X-Bulkhead-Effect"), at: Date.now() })}\n`;
}

/** The value of a header of a received mail, unfolded. */
export function headerOf(mail: ReceivedMail, name: string): string | undefined {
  const head = (mail.source.split(/\r?\n\r?\n/, 1)[0] ?? "").replace(/\r?\n[ \t]+/g, " ");
  const line = head.split(/\r?\n/).find((each) => each.toLowerCase().startsWith(`${name.toLowerCase()}:`));
  return line?.slice(name.length + 1).trim();
}

/** A port that is free at this moment, for a configuration that must name it before anything listens there. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().on("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => {
        resolve(typeof address === "object" && address !== null ? address.port : 0);
      });
    });
  });
}

function listen(server: SMTPServer): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    const socket = server.listen(0, "127.0.0.1", () => {
      const address = socket.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
}

function close(server: SMTPServer): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
  });
}
