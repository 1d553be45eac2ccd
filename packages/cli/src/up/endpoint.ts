import { readFile, rm, writeFile } from "node:fs/promises";
import { z } from "zod";
import { CliError } from "../errors.ts";
import type { Project } from "../policy/project.ts";

const EndpointFile = z.strictObject({
  url: z.string(),
  pid: z.int(),
  bus: z.string(),
  database: z.string(),
  startedAt: z.int(),
});
/** Where a running constellation is reached, and who runs it. */
export type Endpoint = z.infer<typeof EndpointFile>;

/** Tells other commands where the constellation is. */
export async function writeEndpoint(project: Project, endpoint: Endpoint): Promise<void> {
  await writeFile(project.endpointFile, `${JSON.stringify(endpoint)}\n`, { mode: 0o600 });
}

/** The constellation has ended. */
export async function withdrawEndpoint(project: Project): Promise<void> {
  await rm(project.endpointFile, { force: true });
}

/** The running constellation of a project, or undefined. */
export async function readEndpoint(project: Project): Promise<Endpoint | undefined> {
  const text = await readFile(project.endpointFile, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const parsed = EndpointFile.safeParse(JSON.parse(text));
  return parsed.success && isAlive(parsed.data.pid) ? parsed.data : undefined;
}

/** @throws CliError if nothing runs */
export async function requireEndpoint(
  project: Project,
  env: NodeJS.ProcessEnv = process.env,
): Promise<{ readonly url: string }> {
  const endpoint = await readEndpoint(project);
  if (endpoint !== undefined) return endpoint;
  const url = env["NATS_URL"];
  if (url) return { url };
  throw new CliError(`Nothing runs in ${project.dir}: start it with npx bulkhead up ${project.dir}`);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
