import { existsSync } from "node:fs";
import type { Command } from "commander";
import { type BusFindings, tryBus } from "../doctor/bus.ts";
import { type SandboxFindings, trySandbox } from "../doctor/sandbox.ts";
import { EXIT } from "../errors.ts";
import { createOutput, type Output } from "../output/output.ts";
import { shown } from "../output/terminal.ts";
import { projectAt } from "../policy/project.ts";
import { readSigned } from "../policy/signed.ts";
import { readEndpoint } from "../up/endpoint.ts";
import { examples, withJson } from "./shared.ts";

/** `doctor [dir]`: tries to get out from where a worker stands, and says what got out. */
export function addDoctor(program: Command): void {
  const command = withJson(program.command("doctor"))
    .description(
      "try to get out of a worker's sandbox, and past the bus permissions with an agent host's key; print what got out",
    )
    .argument("[dir]", "the project folder", ".")
    .action(doctor);
  examples(command, "doctor", "doctor ../shop --json");
}

async function doctor(dir: string, options: { json?: boolean }): Promise<void> {
  const out = createOutput(options.json === true);
  const project = projectAt(dir);
  const sandbox = await trySandbox(project);
  tellSandbox(sandbox, out);
  const signed = existsSync(project.signedPolicyFile) ? await readSigned(project) : undefined;
  const endpoint = await readEndpoint(project);
  const bus = signed && endpoint ? await tryBus(project, signed, endpoint.url) : [];
  for (const findings of bus) tellBus(findings, out);
  if (bus.length === 0) out.say("\nNothing runs here, so the bus was not tried: npx bulkhead up, then doctor again.");
  const escaped = sandbox.tries.some(({ gotOut }) => gotOut) || bus.some(({ passed }) => passed.length > 0);
  out.give({ ok: !escaped, sandbox, bus });
  out.say(escaped ? out.paint.red("\nSomething got out.") : out.paint.green("\nNothing got out."));
  if (escaped) process.exitCode = EXIT.failed;
}

function tellSandbox({ level, tries }: SandboxFindings, { say, paint }: Output): void {
  say(`${paint.bold("From inside a worker")}, sandbox level ${level.name}${level.weak ? paint.red(" (weak)") : ""}`);
  for (const { name, gotOut, answer } of tries) {
    say(`  ${gotOut ? paint.red("GOT OUT") : paint.green("held   ")}  ${name}  ${paint.dim(shown(answer, 100))}`);
  }
  for (const gap of level.doesNotStop) say(paint.dim(`  this level does not stop: ${gap}`));
}

function tellBus({ identity, tried, passed }: BusFindings, { say, paint }: Output): void {
  say(`\n${paint.bold(`With the bus key of ${identity}`)}, as if its process had been taken over`);
  say(
    `  ${passed.length === 0 ? paint.green("held   ") : paint.red("GOT OUT")}  ${tried - passed.length} of ${tried} forbidden subjects refused by the server`,
  );
  for (const { operation, subject } of passed) say(paint.red(`  passed   ${operation} ${subject}`));
}
