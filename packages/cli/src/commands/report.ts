import type { Command } from "commander";
import { modeOf, readControl } from "../control/read.ts";
import { CliError, EXIT } from "../errors.ts";
import { describeReport } from "../output/report.ts";
import { entriesSince } from "../report/gather.ts";
import { summarize } from "../report/summarize.ts";
import { asOperator, type ClientOptions, examples, withClientOptions } from "./shared.ts";

interface ReportOptions extends ClientOptions {
  readonly since: string;
}

const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };
const OUTWARD: readonly string[] = ["out", "money", "irreversible"];

/** `report`: one page from the record. */
export function addReport(program: Command): void {
  const command = withClientOptions(program.command("report"))
    .description(
      "one page from the record: what would have been sent, asked and blocked, what people decided, and stops",
    )
    .option("-s, --since <time>", "how far back: 30m, 24h, 7d", "24h")
    .action(report);
  examples(command, "report", "report --since 7d", "report --json");
}

async function report({ since: back, ...options }: ReportOptions): Promise<void> {
  const until = Date.now();
  const since = until - durationOf(back);
  await asOperator(options, async ({ client, out }) => {
    const summary = summarize(await entriesSince(client, since));
    const mode = modeOf(client, (await readControl(client))());
    const tools = Object.values(client.policy.policy.tools);
    const outward = new Set(tools.filter(({ effects }) => effects.some((e) => OUTWARD.includes(e))).map((t) => t.name));
    out.give({ since, until, mode, ...summary });
    out.say(describeReport(summary, { since, until, mode, outward }, out.paint));
  });
}

function durationOf(text: string): number {
  const [, count = "", unit = ""] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  const unitMs = UNITS[unit];
  if (unitMs === undefined) throw new CliError(`--since ${text}: give a number with m, h or d, as 24h.`, EXIT.usage);
  return Number(count) * unitMs;
}
