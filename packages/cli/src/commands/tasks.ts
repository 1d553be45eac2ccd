import { isBulkheadError } from "@bulkhead/core";
import { TaskState, type TaskView } from "@bulkhead/schemas";
import { type Command, Option } from "commander";
import type { OperatorClient } from "../client/operator-client.ts";
import { answerOf } from "../output/answer.ts";
import { block, shown, table, timeOf } from "../output/terminal.ts";
import { asOperator, type ClientOptions, examples, withClientOptions } from "./shared.ts";

interface ListOptions extends ClientOptions {
  readonly state?: TaskView["state"];
  readonly agent?: string;
  readonly limit: string;
}

/** `tasks …`: look at tasks and dead letters. */
export function addTasks(program: Command): void {
  const tasks = program
    .command("tasks")
    .description("list tasks, show one, look at dead letters and submit them again");
  const list = withClientOptions(tasks.command("list", { isDefault: true }))
    .description("list tasks, the newest first")
    .addOption(new Option("-s, --state <state>", "only these").choices(TaskState.options))
    .option("--agent <agent>", "only this agent's")
    .option("-n, --limit <count>", "at most", "50")
    .action(listTasks);
  examples(list, "tasks", "tasks list --state parked", "tasks show t-01k…", "tasks dead", "tasks resubmit d-01k…");
  withClientOptions(tasks.command("show"))
    .description("show one task and its result")
    .argument("<task>")
    .action(showTask);
  withClientOptions(tasks.command("dead"))
    .description("list dead letters: what could not be understood or done")
    .action(listDead);
  withClientOptions(tasks.command("resubmit"))
    .description("submit a dead letter again")
    .argument("<dead>")
    .action(resubmit);
  withClientOptions(tasks.command("cancel"))
    .description("cancel a task: no further call of it runs")
    .argument("<task>")
    .option("-r, --reason <reason>", "why")
    .action(cancel);
}

async function listTasks({ state, agent, limit, ...options }: ListOptions): Promise<void> {
  await asOperator(options, async ({ client, out }) => {
    const filter = { ...(state && { state }), ...(agent !== undefined && { agent }), limit: Number(limit) };
    const { tasks } = await client.ask({ kind: "tasks.list", ...filter });
    out.give(tasks);
    if (tasks.length === 0) out.say("There are no tasks.");
    else
      out.say(
        table(
          tasks.map((task) => [
            task.id,
            task.agent,
            task.state,
            timeOf(task.updatedAt),
            flags(task),
            shown(task.title, 70),
          ]),
        ),
      );
  });
}

function flags({ trusted, labels, code }: TaskView): string {
  return [trusted ? "signed" : "plain", labels.join(""), code ?? ""].filter((part) => part !== "").join(" ");
}

async function showTask(id: string, options: ClientOptions): Promise<void> {
  await asOperator(options, async ({ client, out }) => {
    const { task } = await client.ask({ kind: "tasks.show", task: id });
    const [text, result] = await Promise.all([read(client, task.text), read(client, task.result)]);
    out.give({ ...task, textShown: text, resultShown: result });
    out.say(`${out.paint.bold(task.id)}  ${task.agent}  ${task.state}  ${flags(task)}`);
    out.say(`  ${shown(task.title)}`);
    out.say(
      `  by ${task.principal}, ${timeOf(task.createdAt)}${task.parent === undefined ? "" : `, from task ${task.parent}`}`,
    );
    if (task.waitingFor?.length) out.say(`  waits for ${task.waitingFor.join(", ")}: npx bulkhead proposals`);
    if (text !== undefined) out.say(`\n${out.paint.dim("text")}\n${block(text)}`);
    if (result !== undefined) out.say(`\n${out.paint.dim("result")}\n${block(answerOf(result))}`);
    out.say(`\nHow it came about: npx bulkhead audit show ${task.id}`);
  });
}

/** A piece of content, unless it has expired. */
async function read(client: OperatorClient, ref: string | undefined): Promise<string | undefined> {
  if (ref === undefined) return undefined;
  return await client.ask({ kind: "memory.show", ref }).then(
    ({ text }) => text,
    (error: unknown) => {
      if (isBulkheadError(error, "content.missing")) return undefined;
      throw error;
    },
  );
}

async function listDead(options: ClientOptions): Promise<void> {
  await asOperator(options, async ({ client, out }) => {
    const { dead } = await client.ask({ kind: "tasks.dead" });
    out.give(dead);
    if (dead.length === 0) out.say("There are no dead letters.");
    else
      out.say(
        table(dead.map(({ id, agent, code, at, bytes }) => [id, shown(agent, 40), code, timeOf(at), `${bytes} bytes`])),
      );
  });
}

async function resubmit(dead: string, options: ClientOptions): Promise<void> {
  await asOperator(options, async ({ client, out }) => {
    const reply = await client.command({ kind: "resubmit", dead });
    out.give(reply);
    out.say(`${reply.task} ${reply.state}`);
  });
}

async function cancel(
  task: string,
  { reason, ...options }: ClientOptions & { readonly reason?: string },
): Promise<void> {
  await asOperator(options, async ({ client, out }) => {
    const reply = await client.command({ kind: "cancel", task, ...(reason !== undefined && { reason }) });
    out.give(reply);
    out.say(`${reply.task} ${reply.state}`);
  });
}
