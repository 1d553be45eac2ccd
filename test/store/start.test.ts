import { MongoClient } from "mongodb";
import { afterAll, beforeAll, expect } from "vitest";
import { type Constellation, startConstellation } from "../harness/constellation.ts";
import { verifies } from "../verifies.ts";

const SERVICES = ["memory", "tasks", "ledger"] as const;

let world: Constellation;
let admin: MongoClient;
beforeAll(async () => {
  world = await startConstellation({ identities: [...SERVICES, "models", "operator-ana"] });
  const { url, user, password } = world.database.admin;
  admin = await new MongoClient(url, { auth: { username: user, password }, authSource: "admin" }).connect();
}, 60_000);
afterAll(async () => {
  await admin.close();
  await world[Symbol.asyncDispose]();
});

const userOf = (service: string): string => world.keys.get(service)?.mongo?.user ?? expect.fail(service);

verifies(
  "ZT-10",
  "no service starts with a database user that reaches another service's database",
  async () => {
    for (const service of SERVICES) {
      const db = admin.db(`bh_${service}`);
      const roles = [{ role: "read", db: "bh_models" }];
      await db.command({ grantRolesToUser: userOf(service), roles });
      await expect(world.start(service), service).rejects.toThrow(/config\.invalid.*permits find on bh_models\./);
      await db.command({ revokeRolesFromUser: userOf(service), roles });
      expect((await world.start(service)).instance).toContain(service);
    }
  },
  60_000,
);
