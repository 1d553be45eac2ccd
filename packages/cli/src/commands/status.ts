import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sandboxLevel } from "@bulkhead/agent";
import type { Command } from "commander";
import type { Answer, OperatorClient } from "../client/operator-client.ts";
import { readControl, switchesOf } from "../control/read.ts";
import { identityOf, RollCall } from "../control/roll-call.ts";
import { EXIT } from "../errors.ts";
import { describeSwitches } from "../output/control.ts";
import { moneyOf, type Paint, table } from "../output/terminal.ts";
import { readEndpoint } from "../up/endpoint.ts";
import { membersOf } from "../up/plan.ts";
import { asOperator, type ClientContext, type ClientOptions, examples, withClientOptions } from "./shared.ts";

/** The dearest tasks of the day; `--json` has more. */
const SHOWN_TASKS = 5;

/** `status`: what runs, what is stopped, on what, how well the sandbox holds, and what was spent. */
export function addStatus(program: Command): void {
  const command = withClientOptions(program.command("status"))
    .description("what runs, what is stopped, on which ground, the sandbox level, and spend")
    .action(status);
  examples(command, "status", "status --json");
}

async function status(options: ClientOptions): Promise<void> {
  await asOperator(options, async (context) => {
    const { client, out, project } = context;
    const [running, level, control, counts, spend, endpoint] = await Promise.all([
      heard(client),
      levelHere(),
      readControl(client),
      answered(client.ask({ kind: "tasks.counts" })),
      answered(client.ask({ kind: "models.spend" })),
      readEndpoint(project),
    ]);
    const switches = switchesOf(client, control(), running.stops);
    const { services } = running;
    out.give({
      services,
      ...switches,
      sandbox: level,
      ground: endpoint,
      tasks: counts?.counts,
      spend: spend?.spend,
      epoch: client.policy.epoch,
    });
    out.say(table(services.map((service) => rowOf(service, out.paint))));
    out.say(`\n${describeSwitches(switches, out.paint)}`);
    out.say(`bus       ${endpoint?.url ?? "NATS_URL"}${endpoint ? ` (${endpoint.bus})` : ""}`);
    out.say(`database  ${endpoint?.database ?? "?"}`);
    out.say(
      `sandbox   ${level.name}${level.weak ? out.paint.red("  weak: workers can reach the network (npx bulkhead doctor)") : ""}`,
    );
    out.say(`policy    ${client.policy.epoch}`);
    out.say(`tasks     ${countsOf(counts?.counts)}`);
    if (spend) out.say(`spend     ${spendOf(context, spend.spend)}`);
    for (const { task, agent, spentMicros, reservedMicros, calls } of spend?.spend.byTask.slice(0, SHOWN_TASKS) ?? [])
      out.say(
        `          ${task} (${agent})  ${moneyOf(spentMicros + reservedMicros, client.policy.policy.models.currency)} in ${calls} model calls`,
      );
    if (services.some(({ replicas }) => replicas === 0)) process.exitCode = EXIT.failed;
  });
}

function countsOf(counts: Readonly<Record<string, number>> = {}): string {
  const shown = Object.entries(counts).map(([state, count]) => `${state} ${count}`);
  return shown.join(", ") || "none";
}

function spendOf({ client }: ClientContext, { spentMicros, capMicros }: Answer<"models.spend">["spend"]): string {
  const { currency } = client.policy.policy.models;
  return `${moneyOf(spentMicros, currency)} of ${moneyOf(capMicros, currency)} today`;
}

interface Service {
  readonly name: string;
  readonly replicas: number;
}

function rowOf({ name, replicas }: Service, paint: Paint): readonly string[] {
  return [name, replicas === 0 ? paint.red("silent") : `up (${replicas})`];
}

/** Who runs, and what they say to obey, from the beats of a moment. */
async function heard(
  client: OperatorClient,
): Promise<{ readonly services: readonly Service[]; readonly stops: readonly string[] }> {
  const roll = new RollCall(client);
  await roll.listened();
  const services = membersOf(client.policy).map(({ identity }) => ({
    name: identity,
    replicas: roll.instances.filter((instance) => identityOf(instance) === identity).length,
  }));
  return { services, stops: roll.stops };
}

async function answered<T>(reply: Promise<T>): Promise<T | undefined> {
  return await reply.catch(() => undefined);
}

async function levelHere(): ReturnType<typeof sandboxLevel> {
  const folder = await mkdtemp(join(tmpdir(), "bulkhead-level-"));
  try {
    return await sandboxLevel(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
