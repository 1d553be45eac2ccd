import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A wire between a process and the bus that can swallow what is sent from a certain word on. */
export interface Wire extends AsyncDisposable {
  readonly url: string;
  /** While set: from the first chunk with these bytes on, nothing of that connection passes any more. */
  swallow: string | undefined;
}

export async function wireTo(url: string): Promise<Wire> {
  const { hostname, port } = new URL(url);
  const sockets = new Set<Socket>();
  const wire = { swallow: undefined as string | undefined };
  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => undefined).on("close", () => (near.destroy(), far.destroy()));
    }
    let dead = false;
    near.on("data", (chunk) => {
      dead ||= wire.swallow !== undefined && chunk.includes(wire.swallow);
      if (!dead) far.write(chunk);
    });
    far.pipe(near);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return Object.assign(wire, {
    url: `nats://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  });
}
