import type { Command } from "commander";
import { type PrepareOptions, prepare } from "../deploy/prepare.ts";
import { checkHealth, provisionProject } from "../deploy/provision.ts";
import { CliError, EXIT } from "../errors.ts";
import { createOutput } from "../output/output.ts";
import { projectAt } from "../policy/project.ts";
import { examples, requireSigned, withJson } from "./shared.ts";

/** `deploy …`: for production, where NATS, MongoDB and each service run on their own (docker-compose.yml). */
export function addDeploy(program: Command): void {
  const deploy = program
    .command("deploy")
    .description("production: write configurations, provision NATS and MongoDB, check a service's health");
  const collect = (value: string, all: readonly string[]): readonly string[] => [...all, value];
  const command = withJson(deploy.command("prepare"))
    .description("write the configuration of the NATS server and of every service; connects to nothing")
    .argument("[dir]", "the project folder", ".")
    .requiredOption("--nats <url>", "the bus, as the services reach it: tls://HOST:PORT")
    .requiredOption("--mongo <url>", "the database, as the services reach it, without user and password")
    .option("--ca <file>", "PEM of the authority behind both certificates")
    .option("--nats-listen <host:port>", "where the NATS server listens", "0.0.0.0:4222")
    .option("--nats-cert <file>", "its certificate")
    .option("--nats-key <file>", "its key")
    .option("--nats-store <dir>", "its JetStream folder", "/data")
    .option(
      "--owner <identity=uid>",
      "the user that owns an identity's key and configuration (repeatable)",
      collect,
      [],
    )
    .action(prepareProject);
  examples(
    command,
    "deploy prepare /project --nats tls://nats:4222 --mongo mongodb://mongo:27017/ --ca /certs/ca.pem",
    "deploy provision /project",
  );
  withJson(deploy.command("provision"))
    .description("create streams, databases, roles and users, with NATS_URL and MONGODB_URI (the administrator's)")
    .argument("[dir]", "the project folder", ".")
    .option("--ca <file>", "PEM of the authority behind both certificates")
    .action(provision);
  deploy
    .command("health")
    .description("connect to the bus as a service does; exit 0 if that works")
    .requiredOption("--config <file>", "the service's configuration")
    .action(async ({ config }: { config: string }) => {
      await checkHealth(config);
    });
}

async function prepareProject(dir: string, options: PrepareOptions & { json?: boolean }): Promise<void> {
  const out = createOutput(options.json === true);
  const project = projectAt(dir);
  const written = await prepare(project, await requireSigned(project), options);
  out.give({ written });
  out.say(`Wrote ${written.length} files to ${project.stateDir}.`);
}

async function provision(dir: string, options: { ca?: string; json?: boolean }): Promise<void> {
  const out = createOutput(options.json === true);
  const project = projectAt(dir);
  const { NATS_URL: natsUrl, MONGODB_URI: mongoUri } = process.env;
  if (!natsUrl || !mongoUri)
    throw new CliError("Give NATS_URL and MONGODB_URI (with the administrator's name and password).", EXIT.usage);
  await provisionProject(project, await requireSigned(project), {
    natsUrl,
    mongoUri,
    ...(options.ca !== undefined && { ca: options.ca }),
  });
  out.give({ provisioned: true });
  out.say("Streams, databases, roles and users are in place.");
}
