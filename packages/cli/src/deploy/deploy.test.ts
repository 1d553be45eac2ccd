import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startNats } from "@bulkhead/bus";
import { startDatabase } from "@bulkhead/store";
import { expect, test, vi } from "vitest";
import { policyTemplate } from "../commands/init-template.ts";
import { resolveGround } from "../ground/resolve.ts";
import { projectAt } from "../policy/project.ts";
import { configFile } from "../up/plan.ts";
import { signProject } from "../up/sign-project.ts";
import { prepare } from "./prepare.ts";
import { checkHealth, provisionProject } from "./provision.ts";

vi.setConfig({ testTimeout: 120_000 });

const portsFile = (dir: string): string => `ports_file_dir: ${JSON.stringify(dir)}\n`;

test("what prepare writes is what servers of one's own need, and provision makes them ready", async () => {
  const dir = await mkdtemp(join(tmpdir(), "bulkhead-deploy-"));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rm(dir, { recursive: true, force: true }));
  const project = projectAt(join(dir, "project"));
  await mkdir(join(project.dir, "files"), { recursive: true });
  await writeFile(project.policyFile, policyTemplate("shop"));
  const signed = await signProject(project.dir);
  const { nats, database } = await resolveGround();
  if (nats.kind === "url" || database.kind === "url") return;
  const mongo = stack.use(await startDatabase({ bin: database.program, dir: await mkdtemp(join(dir, "db-")) }));
  const server = stack.use(
    await startNats({
      binary: nats.program,
      config: ({ portsDir }) => `listen: "127.0.0.1:-1"\n${portsFile(portsDir)}`,
    }),
  );
  const { port } = new URL(server.url);
  await server[Symbol.asyncDispose]();
  const options = {
    nats: server.url,
    mongo: mongo.url,
    natsListen: `127.0.0.1:${port}`,
    natsStore: join(dir, "js"),
    owner: [],
  };
  const written = await prepare(project, signed, options);
  expect(new Set(await Promise.all(written.map(async (file) => (await stat(file)).mode & 0o777)))).toEqual(
    new Set([0o600]),
  );
  const config = await readFile(join(project.stateDir, "nats.conf"), "utf8");
  stack.use(await startNats({ binary: nats.program, config: ({ portsDir }) => `${config}\n${portsFile(portsDir)}` }));
  const { user, password } = mongo.admin;
  const mongoUri = mongo.url.replace("mongodb://", `mongodb://${user}:${encodeURIComponent(password)}@`);
  await provisionProject(project, signed, { natsUrl: server.url, mongoUri });
  await provisionProject(project, signed, { natsUrl: server.url, mongoUri });
  await checkHealth(configFile(project, "gateway"));
});

test("outside of loopback nothing is prepared without TLS", async () => {
  const dir = await mkdtemp(join(tmpdir(), "bulkhead-deploy-"));
  await writeFile(join(dir, "bulkhead.yaml"), policyTemplate("shop"));
  const signed = await signProject(dir);
  const options = {
    nats: "tls://nats:4222",
    mongo: "mongodb://mongo:27017/",
    natsListen: "0.0.0.0:4222",
    natsStore: "/data",
    owner: [],
  };
  await expect(prepare(projectAt(dir), signed, options)).rejects.toThrow(/TLS/);
  await rm(dir, { recursive: true });
});
