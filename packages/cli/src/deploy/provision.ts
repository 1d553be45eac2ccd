import { readFile } from "node:fs/promises";
import { type Bus, connectBus, PROVISIONER, provisionBus } from "@bulkhead/bus";
import { parseJson, readIdentity } from "@bulkhead/core";
import { provisionDatabases } from "@bulkhead/store";
import { accessOf } from "../ground/start.ts";
import { keyFile, type Project } from "../policy/project.ts";
import type { SignedPolicy } from "../policy/signed.ts";
import { databasePlans, membersOf } from "../up/plan.ts";

/** Where to provision. */
export interface ProvisionTarget {
  readonly natsUrl: string;
  /** With the administrator's name and password. */
  readonly mongoUri: string;
  readonly ca?: string;
}

/** Creates streams, consumers, databases, roles and users of a signed project. Can be run again at any time. */
export async function provisionProject(
  project: Project,
  { loaded }: SignedPolicy,
  target: ProvisionTarget,
): Promise<void> {
  const identity = await readIdentity(keyFile(project, PROVISIONER));
  const ca = target.ca === undefined ? undefined : await readFile(target.ca, "utf8");
  await provisionBus({ url: target.natsUrl, identity, policy: loaded.policy, ...(ca !== undefined && { ca }) });
  const admin = { ...accessOf(target.mongoUri), ...(target.ca !== undefined && { caFile: target.ca }) };
  await provisionDatabases(admin, await databasePlans(project, membersOf(loaded), ""));
}

/** Connects to the bus as a service, with its own configuration and key: from where it stands, it can work. */
export async function checkHealth(configFile: string): Promise<void> {
  const config = parseJson(await readFile(configFile)) as { keyFile: string; nats: { url: string; caFile?: string } };
  const identity = await readIdentity(config.keyFile);
  const ca = config.nats.caFile === undefined ? undefined : await readFile(config.nats.caFile, "utf8");
  const bus: Bus = await connectBus({
    url: config.nats.url,
    identity,
    trust: {},
    connectTimeoutMs: 3_000,
    ...(ca !== undefined && { ca }),
  });
  await bus[Symbol.asyncDispose]();
}
