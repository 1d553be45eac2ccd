import { chmod, chown, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { natsConfig } from "@bulkhead/bus";
import { CliError, EXIT } from "../errors.ts";
import { keyFile, makeStateFolders, type Project } from "../policy/project.ts";
import type { SignedPolicy } from "../policy/signed.ts";
import { findPrograms } from "../supervise/bundle.ts";
import { configFile, configOf, membersOf } from "../up/plan.ts";

/** Where things are in production, as the services see them. */
export interface PrepareOptions {
  readonly nats: string;
  readonly mongo: string;
  /** PEM of the authority that signed the certificates of both. */
  readonly ca?: string;
  readonly natsListen: string;
  readonly natsCert?: string;
  readonly natsKey?: string;
  readonly natsStore: string;
  /** `identity=uid`: who owns its key and configuration file. */
  readonly owner: readonly string[];
}

/** Writes the configuration of the NATS server and of every service; connects to nothing. Gives the names of what it wrote. */
export async function prepare(project: Project, signed: SignedPolicy, options: PrepareOptions): Promise<string[]> {
  await makeStateFolders(project);
  const natsFile = join(project.stateDir, "nats.conf");
  await writeFile(natsFile, natsConfigOf(signed, options), { mode: 0o600 });
  const members = membersOf(signed.loaded);
  const { worker } = await findPrograms();
  const around = {
    ...{ project, adminKey: signed.adminKey, natsUrl: options.nats, databaseUrl: options.mongo, prefix: "" },
    ...{ workerDir: "/tmp/bulkhead-worker", worker },
    ...(options.ca !== undefined && { caFile: options.ca }),
  };
  for (const member of members) {
    const file = configFile(project, member.identity);
    await writeFile(file, `${JSON.stringify(configOf(member, around), null, 2)}\n`, { mode: 0o600 });
  }
  await handOver(project, signed, options.owner);
  return [natsFile, ...members.map(({ identity }) => configFile(project, identity))];
}

function natsConfigOf({ loaded }: SignedPolicy, options: PrepareOptions): string {
  const { natsListen, natsCert, natsKey, natsStore } = options;
  const [host = "127.0.0.1", port = "4222"] = natsListen.split(":");
  const tls = natsCert !== undefined && natsKey !== undefined ? { tls: { certFile: natsCert, keyFile: natsKey } } : {};
  return natsConfig({ policy: loaded.policy, host, port: Number(port), storeDir: natsStore, syncAlways: true, ...tls });
}

/** Each service has a user of its own, and reads its own key, configuration and credentials and nobody else's. */
async function handOver(project: Project, signed: SignedPolicy, owners: readonly string[]): Promise<void> {
  for (const entry of owners) {
    const [identity = "", uid = ""] = entry.split("=");
    if (!/^\d+$/.test(uid)) throw new CliError(`--owner takes IDENTITY=UID, and this is "${entry}".`, EXIT.usage);
    const secrets = credentialsOf(signed, identity).map((name) => join(project.credentialsDir, name));
    const files = [keyFile(project, identity), configFile(project, identity), ...secrets];
    for (const file of files) await chown(file, Number(uid), Number(uid));
  }
  if (owners.length === 0) return;
  const { stateDir, keysDir, configsDir, bundlesDir, credentialsDir } = project;
  await mkdir(credentialsDir, { recursive: true });
  for (const dir of [stateDir, keysDir, configsDir, bundlesDir, credentialsDir]) await chmod(dir, 0o711);
  for (const bundle of await readdir(bundlesDir)) await chmod(join(bundlesDir, bundle), 0o644);
  await chmod(project.signedPolicyFile, 0o644);
}

/** The secrets that an identity resolves: an executor those of its tool set, `models` those of its classes. */
function credentialsOf({ loaded }: SignedPolicy, identity: string): string[] {
  const { toolsets, models } = loaded.policy;
  if (identity === "models") return Object.values(models.classes).flatMap(({ credential }) => credential ?? []);
  return identity.startsWith("exec-") ? [...(toolsets[identity.slice("exec-".length)]?.credentials ?? [])] : [];
}
