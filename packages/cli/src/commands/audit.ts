import { setTimeout as sleep } from "node:timers/promises";
import type { LedgerEntry } from "@bulkhead/schemas";
import type { Command } from "commander";
import type { OperatorClient } from "../client/operator-client.ts";
import { gatherStory } from "../client/story.ts";
import { EXIT } from "../errors.ts";
import { entryLine, readEntry } from "../output/entry.ts";
import { tellStory } from "../output/story.ts";
import { untilInterrupted } from "../up/interrupt.ts";
import { asOperator, type ClientOptions, examples, withClientOptions } from "./shared.ts";

interface TailOptions extends ClientOptions {
  readonly follow?: boolean;
  readonly lines: string;
}

const PAGE = 500;
const POLL_MS = 500;

/** `audit …`: the record. */
export function addAudit(program: Command): void {
  const audit = program
    .command("audit")
    .description("read the record: what happened, what caused it, and that nothing was changed");
  const tail = withClientOptions(audit.command("tail"))
    .description("the newest entries")
    .option("-n, --lines <count>", "how many", "20")
    .option("-f, --follow", "go on with new ones until Ctrl-C")
    .action(tailEntries);
  examples(tail, "audit tail -n 50", "audit tail --follow", "audit show t-01k…", "audit verify");
  withClientOptions(audit.command("show"))
    .description("the story of a task, call, proposal or piece of content: what caused it and what it caused")
    .argument("<id>")
    .action(showStory);
  withClientOptions(audit.command("verify")).description("check the chain of all entries").action(verify);
}

async function tailEntries({ follow, lines, ...options }: TailOptions): Promise<void> {
  await asOperator(options, async ({ client, out }) => {
    const print = (entries: readonly LedgerEntry[]): void => {
      for (const entry of entries) out.say(entryLine(entry, out.paint));
    };
    const all = await newest(client, Number(lines));
    if (follow !== true) out.give(all);
    print(all);
    if (follow !== true) return;
    using interrupt = untilInterrupted();
    for (let after = all.at(-1)?.seq ?? 0; !interrupt.signal.aborted; ) {
      const { entries } = await client.ask({ kind: "ledger.tail", after, limit: PAGE });
      print(entries);
      after = entries.at(-1)?.seq ?? after;
      await sleep(POLL_MS, undefined, { signal: interrupt.signal }).catch(() => undefined);
    }
  });
}

/** The ledger answers forwards: its head says where the end is. */
async function newest(client: OperatorClient, count: number): Promise<readonly LedgerEntry[]> {
  const { entries: total } = await client.ask({ kind: "ledger.verify" });
  const { entries } = await client.ask({
    kind: "ledger.tail",
    after: Math.max(0, total - count),
    limit: Math.min(count + PAGE, 1_000),
  });
  return entries.slice(-count);
}

async function showStory(id: string, options: ClientOptions): Promise<void> {
  await asOperator(options, async ({ client, out }) => {
    const story = await gatherStory(client, id);
    out.give({ id, entries: story.entries.map(readEntry), texts: Object.fromEntries(story.texts) });
    if (story.entries.length > 0) {
      out.say(tellStory(story, out.paint));
      return;
    }
    out.say(`The record names nothing called ${id}.`);
    process.exitCode = EXIT.refused;
  });
}

async function verify(options: ClientOptions): Promise<void> {
  await asOperator(options, async ({ client, out }) => {
    const { ok, entries, firstBad, head } = await client.ask({ kind: "ledger.verify" });
    out.give({ ok, entries, firstBad, head });
    out.say(
      ok
        ? out.paint.green(`${entries} entries, the chain holds.`)
        : out.paint.red(`The chain breaks at entry ${firstBad ?? "?"}.`),
    );
    out.say(out.paint.dim(`head ${head}`));
    if (!ok) process.exitCode = EXIT.failed;
  });
}
