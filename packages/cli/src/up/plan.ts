import { join } from "node:path";
import { readIdentity } from "@bulkhead/core";
import type { LoadedPolicy } from "@bulkhead/policy";
import type { DatabaseName } from "@bulkhead/schemas";
import { type DatabasePlan, planFor } from "@bulkhead/store";
import { hasDatabase } from "../policy/keys.ts";
import { keyFile, type Project } from "../policy/project.ts";
import type { ServiceName } from "../supervise/bundle.ts";

/** One process of a constellation. */
export interface Member {
  readonly identity: string;
  readonly service: ServiceName;
  /** What it belongs to when it is one of many: the agent or the tool set. */
  readonly of?: string;
}

/**
 * Every process that a policy needs, in the order in which they are stopped: who asks goes before who is asked, and the
 * ledger is last, so that every end is recorded.
 */
export function membersOf({ policy }: LoadedPolicy): readonly Member[] {
  const each = (service: ServiceName, prefix: string, names: object): Member[] =>
    Object.keys(names).map((name) => ({ identity: `${prefix}-${name}`, service, of: name }));
  const one = (service: ServiceName): Member => ({ identity: service, service });
  return [
    ...each("agent", "host", policy.agents),
    ...[one("tasks"), one("proposals"), one("gateway")],
    ...each("executor", "exec", policy.toolsets),
    ...[one("models"), one("watchdog"), one("memory"), one("ledger")],
  ];
}

/** The database of an identity: `bh_<service>`, an executor's `bh_exec_<toolset>`, behind the prefix. */
export function databaseOf(identity: string, prefix: string): string {
  const name = identity.startsWith("exec-") ? `exec_${identity.slice("exec-".length)}` : identity;
  return `${prefix}bh_${name}`;
}

/** Databases, users and roles of all members that have one. */
export async function databasePlans(
  project: Project,
  members: readonly Member[],
  prefix: string,
): Promise<DatabasePlan[]> {
  const owners = members.filter(({ identity }) => hasDatabase(identity));
  return await Promise.all(owners.map((member) => databasePlan(project, member, prefix)));
}

async function databasePlan(project: Project, { identity }: Member, prefix: string): Promise<DatabasePlan> {
  const { mongo } = await readIdentity(keyFile(project, identity));
  const owner = identity.startsWith("exec-") ? "exec" : (identity as DatabaseName);
  return planFor(owner, {
    db: databaseOf(identity, prefix),
    user: mongo?.user ?? identity,
    password: mongo?.password ?? "",
  });
}

/** Where everything is that a member is told of. */
export interface Surroundings {
  readonly project: Project;
  readonly adminKey: string;
  readonly natsUrl: string;
  readonly databaseUrl: string;
  /** PEM of the authority behind the certificates of both. */
  readonly caFile?: string;
  readonly prefix: string;
  /** A folder that worker processes may read. */
  readonly workerDir: string;
  readonly worker: string;
  readonly rehearsalUrl?: string;
}

/** The configuration of one process: one JSON object, and nothing else is read. */
export function configOf(member: Member, around: Surroundings): Record<string, unknown> {
  const { project, prefix } = around;
  const ca = around.caFile === undefined ? {} : { caFile: around.caFile };
  return {
    identity: member.identity,
    keyFile: keyFile(project, member.identity),
    policyFile: project.signedPolicyFile,
    adminKey: around.adminKey,
    nats: { url: around.natsUrl, ...ca },
    ...(hasDatabase(member.identity) && {
      mongo: { url: around.databaseUrl, db: databaseOf(member.identity, prefix), ...ca },
    }),
    ...own(member, around),
  };
}

function own(
  { service, of }: Member,
  { project, workerDir, worker, rehearsalUrl }: Surroundings,
): Record<string, unknown> {
  switch (service) {
    case "agent":
      return { agent: of, cacheDir: workerDir, worker };
    case "executor":
      return { projectDir: project.dir, toolsDir: project.bundlesDir, credentialsDir: project.credentialsDir };
    case "models":
      return { credentialsDir: project.credentialsDir, ...(rehearsalUrl !== undefined && { rehearsalUrl }) };
    default:
      return {};
  }
}

/** The configuration file of a member. */
export function configFile(project: Project, identity: string): string {
  return join(project.configsDir, `${identity}.json`);
}
