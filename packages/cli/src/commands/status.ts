import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { sandboxLevel } from "@bulkhead/agent";
import type { Command } from "commander";
import type { OperatorClient } from "../client/operator-client.ts";
import { EXIT } from "../errors.ts";
import { moneyOf, table } from "../output/terminal.ts";
import { readEndpoint } from "../up/endpoint.ts";
import { membersOf } from "../up/plan.ts";
import { asOperator, type ClientOptions, examples, withClientOptions } from "./shared.ts";

/** Services beat every second. */
const LISTEN_MS = 1_600;
/** The dearest tasks of the day; `--json` has more. */
const SHOWN_TASKS = 5;

/** `status`: what runs, on what, how well the sandbox holds, and what was spent. */
export function addStatus(program: Command): void {
  const command = withClientOptions(program.command("status"))
    .description("what runs, on which ground, the sandbox level, and spend")
    .action(status);
  examples(command, "status", "status --json");
}

async function status(options: ClientOptions): Promise<void> {
  await asOperator(options, async ({ client, out, project }) => {
    const [alive, level, counts, spend, endpoint] = await Promise.all([
      heard(client),
      levelHere(),
      answered(client.ask({ kind: "tasks.counts" })),
      answered(client.ask({ kind: "models.spend" })),
      readEndpoint(project),
    ]);
    const services = membersOf(client.policy).map(({ identity }) => ({
      name: identity,
      replicas: alive.get(identity)?.size ?? 0,
    }));
    const silent = services.filter(({ replicas }) => replicas === 0);
    const { currency } = client.policy.policy.models;
    out.give({
      services,
      sandbox: level,
      ground: endpoint,
      tasks: counts?.counts,
      spend: spend?.spend,
      epoch: client.policy.epoch,
    });
    out.say(
      table(
        services.map(({ name, replicas }) => [name, replicas === 0 ? out.paint.red("silent") : `up (${replicas})`]),
      ),
    );
    out.say(`\nbus       ${endpoint?.url ?? "NATS_URL"}${endpoint ? ` (${endpoint.bus})` : ""}`);
    out.say(`database  ${endpoint?.database ?? "?"}`);
    out.say(
      `sandbox   ${level.name}${level.weak ? out.paint.red("  weak: workers can reach the network (npx bulkhead doctor)") : ""}`,
    );
    out.say(`policy    ${client.policy.epoch}, mode ${client.policy.policy.mode}`);
    out.say(
      `tasks     ${
        Object.entries(counts?.counts ?? {})
          .map(([state, count]) => `${state} ${count}`)
          .join(", ") || "none"
      }`,
    );
    if (spend)
      out.say(
        `spend     ${moneyOf(spend.spend.spentMicros, currency)} of ${moneyOf(spend.spend.capMicros, currency)} today`,
      );
    for (const { task, agent, spentMicros, reservedMicros, calls } of spend?.spend.byTask.slice(0, SHOWN_TASKS) ?? [])
      out.say(
        `          ${task} (${agent})  ${moneyOf(spentMicros + reservedMicros, currency)} in ${calls} model calls`,
      );
    if (silent.length > 0) process.exitCode = EXIT.failed;
  });
}

/** Instances by identity, from the beats of a moment. */
async function heard(client: OperatorClient): Promise<Map<string, Set<string>>> {
  const found = new Map<string, Set<string>>();
  client.bus.hear("beat", ({ issuer, body }) => {
    if (issuer === undefined) return;
    const instances = found.get(issuer) ?? new Set();
    found.set(issuer, instances.add(body.instance));
  });
  await sleep(LISTEN_MS);
  return found;
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
