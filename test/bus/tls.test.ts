import { readFileSync } from "node:fs";
import { connectBus, createBusKey, type NatsServer, natsConfig, provisionBus, startNats } from "@bulkhead/bus";
import { generateIdentity } from "@bulkhead/core";
import { afterAll, beforeAll, expect } from "vitest";
import { verifies } from "../verifies.ts";
import { natsBinary, worldPolicy } from "./world.ts";

const fixture = (name: string): string => `${import.meta.dirname}/fixtures/${name}`;
const [{ seed, publicKey }, bus] = [createBusKey(), createBusKey()];
const [provisioner, gateway] = [generateIdentity("provisioner", seed), generateIdentity("gateway", bus.seed)];
const policy = worldPolicy(
  [provisioner, gateway],
  new Map([
    ["provisioner", publicKey],
    ["gateway", bus.publicKey],
  ]),
);

let server: NatsServer;
beforeAll(async () => {
  const tls = { certFile: fixture("server.crt"), keyFile: fixture("server.key") };
  server = await startNats({
    binary: natsBinary(),
    config: (folders) => natsConfig({ policy, port: -1, host: "0.0.0.0", tls, ...folders }),
  });
});
afterAll(async () => {
  await (server as NatsServer | undefined)?.[Symbol.asyncDispose]();
});

verifies(
  "ZT-07",
  "outside loopback the server speaks TLS only, and clients believe only the given authority",
  async () => {
    const url = `tls://127.0.0.1:${new URL(server.url).port}`;
    const ca = readFileSync(fixture("server.crt"), "utf8");
    await provisionBus({ url, ca, identity: provisioner, policy });
    await using client = await connectBus({ url, ca, identity: gateway, trust: policy.trust });
    expect(await client.bucket("control").get("stop")).toBeUndefined();
    const hasty = { connectTimeoutMs: 300, identity: gateway, trust: policy.trust };
    await expect(connectBus({ url, ca: readFileSync(fixture("other.crt"), "utf8"), ...hasty })).rejects.toMatchObject({
      code: "bus.unavailable",
    });
    await expect(connectBus({ url, ...hasty })).rejects.toMatchObject({ code: "bus.unavailable" });
  },
);
