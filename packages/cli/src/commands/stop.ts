import { newId } from "@bulkhead/core";
import type { Scope } from "@bulkhead/schemas";
import { Argument, type Command } from "commander";
import { changeControl, lifted, type Stop, stopped } from "../control/change.ts";
import { readControl } from "../control/read.ts";
import { RollCall } from "../control/roll-call.ts";
import { CliError, EXIT } from "../errors.ts";
import { describeStop, nameOfScope } from "../output/control.ts";
import { agreed, awaitAll } from "./acknowledged.ts";
import { asOperator, type ClientContext, type ClientOptions, examples, withClientOptions } from "./shared.ts";

interface StopOptions extends ClientOptions {
  readonly reason: string;
  readonly yes?: boolean;
}

interface ResumeOptions extends ClientOptions {
  readonly all?: boolean;
  readonly yes?: boolean;
}

const SCOPES = ["all", "agent", "tool", "toolset"] as const;

/** `stop`: nothing of this scope runs until a resume names the stop. */
export function addStop(program: Command): void {
  const command = withClientOptions(program.command("stop"))
    .description("stop everything, an agent, a tool or a tool set, and say who has obeyed")
    .addArgument(new Argument("[scope]", "what").choices(SCOPES).default("all"))
    .argument("[name]", "of the agent, tool or tool set")
    .option("-r, --reason <reason>", "why", "no reason given")
    .option("-y, --yes", "do not ask again on a terminal")
    .action(stop);
  examples(command, "stop", "stop agent inbox --reason 'it answers strangers'", "stop tool mail-send --yes");
}

/** `resume`: a signed act that names the stops that it lifts. */
export function addResume(program: Command): void {
  const command = withClientOptions(program.command("resume"))
    .description("lift stops by their ids, and say who has obeyed")
    .argument("[stops...]", "the ids (npx bulkhead status)")
    .option("-a, --all", "every stop in force, by name")
    .option("-y, --yes", "do not ask again on a terminal")
    .action(resume);
  examples(command, "resume s-01k…", "resume --all --yes");
}

async function stop(kind: Scope["kind"], name: string | undefined, options: StopOptions): Promise<void> {
  await asOperator(options, async (context) => {
    const { client, out } = context;
    const roll = new RollCall(client);
    const scope = scopeOf(context, kind, name);
    await agreed(context, `Stop ${nameOfScope(scope)}?`, options.yes);
    const reason = options.reason.replace(/\s+/g, " ").trim().slice(0, 300);
    const one: Stop = { id: newId("s"), scope, reason, at: Date.now() };
    const from = performance.now();
    await changeControl(client, "stop", (before) => stopped(before, one));
    out.say(out.paint.bold(`Stopped ${nameOfScope(scope)}: ${one.id}`));
    await awaitAll(context, roll, { from, done: { stop: one }, obeys: ({ stops }) => stops.includes(one.id) });
    out.say(`To lift it: npx bulkhead resume ${one.id}`);
  });
}

function scopeOf({ client }: ClientContext, kind: Scope["kind"], name: string | undefined): Scope {
  if (kind === "all") {
    if (name !== undefined) throw new CliError("`stop all` takes no name.", EXIT.usage);
    return { kind };
  }
  const { agents, tools, toolsets } = client.policy.policy;
  const names = Object.keys({ agent: agents, tool: tools, toolset: toolsets }[kind]);
  if (name !== undefined && names.includes(name)) return { kind, name };
  throw new CliError(`Name ${kind === "agent" ? "an agent" : `a ${kind}`}: ${names.join(", ")}.`, EXIT.usage);
}

async function resume(ids: readonly string[], options: ResumeOptions): Promise<void> {
  if (ids.length > 0 === (options.all === true))
    throw new CliError("Name the stops to lift, or give --all.", EXIT.usage);
  await asOperator(options, async (context) => {
    const { client, out } = context;
    const roll = new RollCall(client);
    const named = await idsToLift(context, roll, ids);
    await agreed(context, `Lift ${named.length === 1 ? "this stop" : `these ${named.length} stops`}?`, options.yes);
    const from = performance.now();
    const { value } = await changeControl(client, "stop", (before) => lifted(before, named));
    out.say(out.paint.bold(`Lifted ${named.join(", ")}. ${value.stops.length} remain.`));
    const done = { lifted: named, remaining: value.stops };
    await awaitAll(context, roll, { from, done, obeys: ({ stops }) => named.every((id) => !stops.includes(id)) });
  });
}

/** The ids to lift, shown with what they stop. A stop whose value was lost is known from those who obey it. */
async function idsToLift({ client, out }: ClientContext, roll: RollCall, ids: readonly string[]): Promise<string[]> {
  const view = await readControl(client);
  if (view().doubtful.has("stop")) await roll.listened();
  const stops = view().get("stop", "stop")?.stops ?? [];
  const known = [...new Set([...stops.map(({ id }) => id), ...roll.stops])];
  const unknown = ids.filter((id) => !known.includes(id));
  if (unknown.length > 0 || known.length === 0)
    throw new CliError(
      known.length === 0
        ? "No stop is in force."
        : `No stop ${unknown.join(", ")} is in force; there are: ${known.join(", ")}.`,
      EXIT.refused,
    );
  const named = ids.length > 0 ? [...ids] : known;
  for (const one of stops) if (named.includes(one.id)) out.say(describeStop(one));
  return named;
}
