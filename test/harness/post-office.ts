import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { SMTPServer } from "smtp-server";

/** A real SMTP server on loopback that keeps what it receives. */
export interface PostOffice extends AsyncDisposable {
  readonly port: number;
  /** Whole mails, headers included, in the order of arrival. */
  readonly received: readonly string[];
}

/** Starts one on a free port. Anyone may sign in. */
export async function startPostOffice(): Promise<PostOffice> {
  const received: string[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS"],
    allowInsecureAuth: true,
    onAuth: (auth, _, callback) => {
      callback(null, { user: auth.username ?? "" });
    },
    onData: (stream, _, callback) => {
      const chunks: Buffer[] = [];
      stream
        .on("data", (chunk: Buffer) => chunks.push(chunk))
        .on("end", () => {
          received.push(Buffer.concat(chunks).toString("utf8"));
          callback();
        });
    },
  });
  const listening = server.listen(0, "127.0.0.1");
  await once(listening, "listening");
  const { port } = listening.address() as AddressInfo;
  return {
    port,
    received,
    [Symbol.asyncDispose]: async () => {
      await new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      });
    },
  };
}
