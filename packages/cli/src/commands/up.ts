import { existsSync } from "node:fs";
import { join } from "node:path";
import type { AgentPolicy } from "@bulkhead/schemas";
import { type Command, InvalidArgumentError } from "commander";
import { CliError, EXIT } from "../errors.ts";
import { confirm } from "../output/ask.ts";
import { createOutput, type Output } from "../output/output.ts";
import { type Project, projectAt } from "../policy/project.ts";
import { readSigned } from "../policy/signed.ts";
import { type Constellation, startConstellation } from "../up/constellation.ts";
import { readEndpoint } from "../up/endpoint.ts";
import { untilInterrupted } from "../up/interrupt.ts";
import { examples, withJson } from "./shared.ts";
import { signChanges } from "./sign.ts";

interface UpOptions {
  readonly yes?: boolean;
  readonly port?: number;
  readonly json?: boolean;
}

/** `up [dir]`: brings everything up and stays until Ctrl-C. */
export function addUp(program: Command): void {
  const command = withJson(program.command("up"))
    .description(
      "show what changed since the signature, start NATS, the database and every service, and run until Ctrl-C",
    )
    .argument("[dir]", "the project folder", ".")
    .option("-y, --yes", "sign what changed without asking")
    .option("-p, --port <port>", "the bus's port (default: any free one)", portNumber)
    .action(up);
  examples(command, "up", "up ../shop --yes", "up ../shop --port 4222");
}

async function up(dir: string, options: UpOptions): Promise<void> {
  const out = createOutput(options.json === true);
  const project = projectAt(dir);
  const running = await readEndpoint(project);
  if (running) throw new CliError(`It is running already (process ${running.pid}, bus ${running.url}).`);
  await signIfAgreed(project, out, options);
  using interrupt = untilInterrupted();
  await using constellation = await startConstellation({
    dir,
    ...(options.port !== undefined && { port: options.port }),
    report: (line) => {
      out.note(line);
    },
    restarted: (name, { code, signal }) => {
      out.note(`${name} ended (${signal ?? code ?? "?"}) and is started again`);
    },
    signal: interrupt.signal,
  });
  announce(constellation, dir, out);
  await interrupt.interrupted;
  out.note("stopping");
}

async function signIfAgreed(project: Project, out: Output, options: UpOptions): Promise<void> {
  const before = await readSigned(project);
  await signChanges(project, out, async (changes) => {
    if (options.yes === true) return true;
    const what = before === undefined ? "Nothing is signed yet" : `${changes.length} changes are not signed`;
    if (out.interactive) return await confirm(`${what}. Sign now?`);
    throw new CliError(`${what}: run npx bulkhead sign ${project.dir}, or up with --yes.`, EXIT.usage);
  });
}

/** What `init` left something for is worth trying first. */
function firstTask(dir: string, agents: readonly AgentPolicy[]): { agent: string; text: string } {
  const reader = agents.find(({ tools }) => "files-read" in tools && "channel-post" in tools);
  const welcome = reader !== undefined && existsSync(join(dir, "files", "welcome.txt"));
  if (welcome) return { agent: reader.name, text: "Read the file welcome.txt and post it to the channel." };
  return { agent: agents[0]?.name ?? "agent", text: "Say what you can do." };
}

function announce({ policy, busUrl, database, services }: Constellation, dir: string, out: Output): void {
  const { agent, text } = firstTask(dir, Object.values(policy.policy.agents));
  const at = dir === "." ? "" : ` --dir ${dir}`;
  const line = `npx bulkhead task submit ${agent} "${text}"${at} --wait`;
  out.give({
    ready: true,
    bus: busUrl,
    database,
    epoch: policy.epoch,
    services: services.map(({ name }) => name),
    submit: line,
  });
  out.say(out.paint.green(`${policy.policy.name} is up.`) + ` Give it a task from another terminal:`);
  out.say(`\n  ${line}\n`);
  out.say(out.paint.dim("Ctrl-C stops everything."));
}

function portNumber(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new InvalidArgumentError("Not a port number.");
  return port;
}
