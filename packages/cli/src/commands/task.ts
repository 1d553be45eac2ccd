import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { text as readAll } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { isBulkheadError } from "@bulkhead/core";
import type { TaskSubmission, TaskView } from "@bulkhead/schemas";
import type { Command } from "commander";
import type { OperatorClient } from "../client/operator-client.ts";
import { CliError, EXIT } from "../errors.ts";
import { answerOf } from "../output/answer.ts";
import type { Output } from "../output/output.ts";
import { block, shown } from "../output/terminal.ts";
import { asOperator, type ClientOptions, examples, withClientOptions } from "./shared.ts";

interface SubmitOptions extends ClientOptions {
  readonly title?: string;
  readonly id?: string;
  readonly attach: readonly string[];
  readonly wait?: boolean;
}

const POLL_MS = 300;

/** `task submit <agent> [text]`: a task whose text is trusted, because its operator signs it. */
export function addTask(program: Command): void {
  const task = program.command("task").description("give work to agents");
  const command = withClientOptions(task.command("submit"))
    .description(
      "sign a task with the operator's key and submit it; what you quote belongs into --attach, never into the text",
    )
    .argument("<agent>", "the agent that gets it")
    .argument("[text]", "what to do; - or nothing reads standard input")
    .option("-t, --title <title>", "a short title (default: the first line)")
    .option("--id <id>", "the task's id; the same id twice is the same task")
    .option(
      "-a, --attach <file>",
      "a file to quote from: untrusted text (repeatable)",
      (file: string, all: string[]) => [...all, file],
      [],
    )
    .option("-w, --wait", "wait until it is done, or parked for a person, and print the result")
    .action(submit);
  examples(
    command,
    'task submit inbox "Read the newest mail and file it."',
    'task submit inbox "Answer the attached letter." --attach letter.txt --wait',
    "task submit inbox - < task.txt",
  );
}

async function submit(agent: string, given: string | undefined, options: SubmitOptions): Promise<void> {
  const task = await taskOf(given, options);
  await asOperator(options, async ({ client, out }) => {
    const { task: id } = await client.submit(agent, task);
    if (options.wait !== true) {
      out.give({ task: id, agent });
      out.say(id);
      return;
    }
    out.note(`submitted ${id}`);
    await printEnd(client, await settled(client, id), out);
  });
}

async function taskOf(given: string | undefined, { title, id, attach }: SubmitOptions): Promise<TaskSubmission> {
  const text = (given === undefined || given === "-" ? await readAll(process.stdin) : given).trim();
  if (text === "") throw new CliError("The task has no text.", EXIT.usage);
  const attachments = await Promise.all(
    attach.map(async (file) => ({ name: basename(file), text: await readFile(file, "utf8") })),
  );
  const firstLine = text.split("\n", 1)[0]?.slice(0, 200) ?? "task";
  return {
    title: title ?? firstLine,
    text,
    ...(id !== undefined && { id }),
    ...(attachments.length > 0 && { attachments }),
  };
}

async function settled(client: OperatorClient, id: string): Promise<TaskView> {
  for (;;) {
    const task = await client.ask({ kind: "tasks.show", task: id }).then(
      (reply) => reply.task,
      (error: unknown) => {
        if (isBulkheadError(error, "task.unknown")) return undefined;
        throw error;
      },
    );
    if (task !== undefined && task.state !== "queued" && task.state !== "running") return task;
    await sleep(POLL_MS);
  }
}

async function printEnd(client: OperatorClient, task: TaskView, out: Output): Promise<void> {
  const result = task.result === undefined ? undefined : await client.ask({ kind: "memory.show", ref: task.result });
  out.give({ task, result: result && answerOf(result.text) });
  out.say(`${task.id} ${task.state}${task.code === undefined ? "" : ` (${shown(task.code)})`}`);
  if (result) out.say(block(answerOf(result.text)));
  if (task.state === "parked") out.say("It waits for a person: npx bulkhead proposals");
  if (task.state !== "done" && task.state !== "parked") process.exitCode = EXIT.failed;
}
