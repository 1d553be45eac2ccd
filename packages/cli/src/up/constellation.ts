/**
 * Owns: one whole constellation of a project: ground, streams, databases, every service as its own process, and their end.
 * Does not own: what is signed (`sign`), how a service works, where the ground's programs come from (`resolveGround`).
 * Invariants: nothing starts under a policy that does not verify; whatever ends this process, nothing of it stays behind.
 */
import { chmod, copyFile, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { sandboxLevel } from "@bulkhead/agent";
import { PROVISIONER, provisionBus } from "@bulkhead/bus";
import { isBulkheadError, readIdentity } from "@bulkhead/core";
import type { LoadedPolicy } from "@bulkhead/policy";
import { provisionDatabases } from "@bulkhead/store";
import { connectOperator, type OperatorClient } from "../client/operator-client.ts";
import { CliError, EXIT } from "../errors.ts";
import type { Report } from "../ground/python.ts";
import { type Ground, resolveGround } from "../ground/resolve.ts";
import { type RunningGround, startGround } from "../ground/start.ts";
import { keyFile, makeStateFolders, type Project, projectAt } from "../policy/project.ts";
import { readSigned, type SignedPolicy } from "../policy/signed.ts";
import { findPrograms, type Programs } from "../supervise/bundle.ts";
import { type Supervised, type SupervisorEvents, supervise } from "../supervise/supervisor.ts";
import { type Endpoint, withdrawEndpoint, writeEndpoint } from "./endpoint.ts";
import { configFile, configOf, databasePlans, type Member, membersOf, type Surroundings } from "./plan.ts";
import { startRehearsal } from "./rehearsal.ts";

/** How to boot a project that is signed. */
export interface ConstellationOptions extends SupervisorEvents {
  readonly dir: string;
  /** The bus's port; any free one by default. */
  readonly port?: number;
  /** Before the names of all databases, so that several constellations share one server. */
  readonly prefix?: string;
  /** Already resolved, or resolved now. */
  readonly ground?: Ground;
  readonly report?: Report;
  readonly signal?: AbortSignal;
}

/** A running constellation. Disposing of it stops everything in order. */
export interface Constellation extends AsyncDisposable {
  readonly project: Project;
  readonly policy: LoadedPolicy;
  readonly busUrl: string;
  /** Which database it runs on, and from where. */
  readonly database: string;
  readonly services: readonly Supervised[];
  /** Connects an operator by name; the first one of the policy by default. Closed with the constellation. */
  operator(name?: string): Promise<OperatorClient>;
  /** Stops everything in order. Can be called again. */
  stop(): Promise<void>;
}

const PROVISION_CONNECT_MS = 5_000;

/**
 * Boots everything that a signed project needs, and resolves when every service is ready.
 *
 * @throws CliError with one sentence: nothing is signed, a port is taken, a service does not start (with its log)
 */
export async function startConstellation(options: ConstellationOptions): Promise<Constellation> {
  const { report = () => undefined, prefix = "" } = options;
  const project = projectAt(options.dir);
  const signed = await signedOf(project);
  await makeStateFolders(project);
  await using stack = new AsyncDisposableStack();
  const bundling = findPrograms();
  bundling.catch(() => undefined);
  const ground = options.ground ?? (await resolveGround({ report }));
  const { policy } = signed.loaded;
  const running = stack.use(
    await startGround({ ground, policy, folder: project.dataDir, ...(options.port && { port: options.port }) }),
  );
  report(`bus ${running.natsUrl} (${running.natsFrom}), database ${running.databaseFrom}`);
  const members = membersOf(signed.loaded);
  await provision(project, signed, running, members, prefix);
  const programs = await bundling;
  const around = await surroundings(project, signed, running, programs, prefix, stack);
  const [services, level] = await Promise.all([
    startAll(members, around, programs, options, stack),
    sandboxOf(around.workerDir),
  ]);
  report(`${services.length} services are ready${level}`);
  const endpoint: Endpoint = {
    url: running.natsUrl,
    pid: process.pid,
    database: running.databaseFrom,
    bus: running.natsFrom,
    startedAt: Date.now(),
  };
  await writeEndpoint(project, endpoint);
  stack.defer(() => withdrawEndpoint(project));
  return constellation({ project, signed, running, services }, stack.move());
}

async function signedOf(project: Project): Promise<SignedPolicy> {
  const signed = await readSigned(project);
  if (signed === undefined)
    throw new CliError(`Nothing is signed in ${project.dir}: run npx bulkhead sign ${project.dir}`, EXIT.usage);
  return signed;
}

async function provision(
  project: Project,
  { loaded }: SignedPolicy,
  ground: RunningGround,
  members: readonly Member[],
  prefix: string,
): Promise<void> {
  const identity = await readIdentity(keyFile(project, PROVISIONER));
  const bus = provisionBus({
    url: ground.natsUrl,
    identity,
    policy: loaded.policy,
    connectTimeoutMs: PROVISION_CONNECT_MS,
  });
  const databases = databasePlans(project, members, prefix).then((plans) => provisionDatabases(ground.admin, plans));
  await Promise.all([bus, databases]).catch((error: unknown) => {
    if (!isBulkheadError(error, "bus.unauthorized")) throw error;
    const advice = "start it with the configuration that `npx bulkhead sign` wrote to .bulkhead/nats.conf";
    throw new CliError(
      `The NATS server at ${ground.natsUrl} does not know this project's keys: ${advice}.`,
      EXIT.failed,
      { cause: error },
    );
  });
}

async function surroundings(
  project: Project,
  { loaded, adminKey }: SignedPolicy,
  ground: RunningGround,
  programs: Programs,
  prefix: string,
  stack: AsyncDisposableStack,
): Promise<Surroundings> {
  const workerDir = await mkdtemp(join(tmpdir(), "bulkhead-worker-"));
  stack.defer(() => rm(workerDir, { recursive: true, force: true }));
  await chmod(workerDir, 0o755);
  const worker = join(workerDir, basename(programs.worker));
  await copyFile(programs.worker, worker);
  const rehearsal = await startRehearsal(project, loaded.policy, programs);
  if (rehearsal) stack.use(rehearsal);
  const { natsUrl, databaseUrl } = ground;
  return {
    project,
    adminKey,
    natsUrl,
    databaseUrl,
    prefix,
    workerDir,
    worker,
    ...(rehearsal && { rehearsalUrl: rehearsal.url }),
  };
}

/** In words; nothing if it cannot be told: the hosts judge it themselves. */
async function sandboxOf(workerDir: string): Promise<string> {
  const level = await sandboxLevel(workerDir).catch(() => undefined);
  if (level === undefined) return "";
  const warning = level.weak ? ", which is weak: they can reach the network (npx bulkhead doctor)" : "";
  return `; workers run in the sandbox ${level.name}${warning}`;
}

async function startAll(
  members: readonly Member[],
  around: Surroundings,
  programs: Programs,
  options: ConstellationOptions,
  stack: AsyncDisposableStack,
): Promise<readonly Supervised[]> {
  const started = await Promise.allSettled(members.map((member) => startMember(member, around, programs, options)));
  const services = started.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  stack.defer(() => stopInOrder(services));
  const failed = started.find((result) => result.status === "rejected");
  if (failed) throw failed.reason;
  options.signal?.throwIfAborted();
  return services;
}

async function startMember(
  member: Member,
  around: Surroundings,
  programs: Programs,
  events: SupervisorEvents,
): Promise<Supervised> {
  const { project } = around;
  const file = configFile(project, member.identity);
  await writeFile(`${file}.next`, `${JSON.stringify(configOf(member, around), null, 2)}\n`, { mode: 0o600 });
  await rename(`${file}.next`, file);
  const logFile = join(project.logsDir, `${member.identity}.log`);
  const script = programs.service(member.service);
  return await supervise({ name: member.identity, script, configFile: file, logFile }, events);
}

/** Hosts first and together, then one after the other down to the ledger. */
async function stopInOrder(services: readonly Supervised[]): Promise<void> {
  const hosts = services.filter(({ name }) => name.startsWith("host-"));
  const executors = services.filter(({ name }) => name.startsWith("exec-"));
  const rest = services.filter((service) => !hosts.includes(service) && !executors.includes(service));
  const [before, after] = [rest.filter(({ name }) => !LAST.has(name)), rest.filter(({ name }) => LAST.has(name))];
  for (const group of [hosts, before, executors, ...after.map((service) => [service])]) {
    await Promise.all(group.map((service) => service.stop()));
  }
}

const LAST: ReadonlySet<string> = new Set(["watchdog", "memory", "ledger"]);

interface Parts {
  readonly project: Project;
  readonly signed: SignedPolicy;
  readonly running: RunningGround;
  readonly services: readonly Supervised[];
}

function constellation({ project, signed, running, services }: Parts, stack: AsyncDisposableStack): Constellation {
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopped ??= stack.disposeAsync());
  const policy = signed.loaded;
  return {
    project,
    policy,
    busUrl: running.natsUrl,
    database: running.databaseFrom,
    services,
    operator: async (name = Object.keys(policy.policy.operators)[0] ?? "") => {
      const keys = keyFile(project, `operator-${name}`);
      return stack.use(await connectOperator({ url: running.natsUrl, keyFile: keys, policy }));
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
