import { ERROR_CODES, isErrorCode } from "@bulkhead/core";
import { type ProposalView, TIERS } from "@bulkhead/schemas";
import { money, type Paint, quote } from "./screen.ts";
import { type CallStory, countByTier, countByTool, type Tally } from "./tally.ts";
import type { Sight } from "./watch.ts";

const BAR = 24;
const WAITING_SHOWN = 5;

/** The live part of the screen: tasks, calls, tiers, waiting approvals and spend. */
export function liveLines(sight: Sight, seconds: number, paint: Paint): string[] {
  const { done, all, parked } = progress(sight);
  const filled = Math.round((BAR * (done + parked)) / Math.max(all, 1));
  const bar = paint.green("█".repeat(filled)) + paint.dim("░".repeat(BAR - filled));
  const tiers = countByTier(sight.run).filter(([tier]) => tier !== "PROPOSE");
  const waits = `${sight.waiting.length} waiting for a person`;
  return [
    "",
    `  tasks  ${bar} ${done} done, ${parked} parked, ${all - done - parked} open ${paint.dim(`${seconds} s`)}`,
    `  calls  ${tiers.map(([tier, count]) => `${paint.bold(tier)} ${count}`).join("   ")}`,
    `  asks   ${sight.waiting.length > 0 ? paint.yellow(waits) : waits}`,
    `  spend  ${spendLine(sight)}`,
    ...sight.latest.map((entry) => paint.dim(`  ${entry.agent ?? ""} · ${entry.tool ?? ""} · ${entry.event}`)),
  ];
}

/** The same in one line, for logs and pipes. */
export function headline(sight: Sight): string {
  const { done, all, parked } = progress(sight);
  const calls = countByTier(sight.run)
    .filter(([, count]) => count > 0)
    .map(([tier, count]) => `${tier} ${count}`);
  const parts = [`tasks ${done} done, ${parked} parked of ${all}`, `calls ${calls.join(", ") || "none yet"}`];
  return `  ${[...parts, `${sight.waiting.length} waiting`, spendLine(sight)].join(" · ")}`;
}

/** What ran, what waits, what was blocked and why, what it cost. */
export function reportLines(sight: Sight, paint: Paint): string[] {
  return [
    ...section("What ran, by tier", ranLines(sight.run, paint), paint),
    ...section("What waits for a human", waitingLines(sight.waiting, paint), paint),
    ...section("What was refused, and why", refusedLines(sight.run, paint), paint),
    ...section("What it cost", costLines(sight), paint),
  ];
}

function section(title: string, lines: readonly string[], paint: Paint): string[] {
  return ["", paint.bold(title), ...(lines.length > 0 ? lines : [paint.dim("  nothing")])];
}

function progress({ tasks }: Sight): { done: number; parked: number; all: number } {
  const count = (state: string): number => tasks.filter((task) => task.state === state).length;
  return { done: count("done"), parked: count("parked"), all: tasks.length };
}

function ranLines(run: Tally, paint: Paint): string[] {
  return TIERS.map((tier) => ({ tier, tools: countByTool(run, tier, "ran") }))
    .filter(({ tools }) => tools.length > 0)
    .map(({ tier, tools }) => {
      const total = tools.reduce((sum, [, count]) => sum + count, 0);
      return `  ${paint.bold(tier.padEnd(8))} ${String(total).padStart(4)}   ${paint.dim(named(tools))}`;
    });
}

function waitingLines(waiting: readonly ProposalView[], paint: Paint): string[] {
  const lines = waiting.slice(0, WAITING_SHOWN).map((proposal) => `  ${proposal.id}  ${sentence(proposal)}`);
  const more = waiting.length - lines.length;
  return more > 0 ? [...lines, paint.dim(`  and ${more} more`)] : lines;
}

/** One plain line about a proposal: tool, then what it is about to do. */
export function sentence({ action, reasons }: ProposalView): string {
  const told = Object.entries(action.args).map(([name, value]) => `${name} ${quote(textOf(value), 36)}`);
  const why = reasons.length > 0 ? ` (${reasons.join(", ")})` : "";
  return quote(`${action.tool}: ${told.join(" · ")}`, 100) + why;
}

function refusedLines(run: Tally, paint: Paint): string[] {
  const refused = [...run.calls.values()].filter((call) => call.fate === "refused");
  const kinds = Map.groupBy(refused, (call) => `${call.agent}: ${call.tool}`);
  return [...kinds].map(([kind, calls]) => `  ${paint.red(`${calls.length} ×`)} ${kind}  ${paint.dim(why(calls[0]))}`);
}

function why(call: CallStory | undefined): string {
  const code = call?.code;
  return code !== undefined && isErrorCode(code) ? `${ERROR_CODES[code].text} (${code})` : (code ?? "");
}

function costLines({ spend, run }: Sight): string[] {
  const agents = Object.entries(spend.byAgent)
    .filter(([, account]) => account.spentMicros > 0)
    .map(([agent, account]) => `${agent} ${money(account.spentMicros, spend.currency)}`);
  const total = `${money(spend.spentMicros, spend.currency)} of ${money(spend.capMicros, spend.currency)} a day`;
  const tokens = run.tokens.toLocaleString("en");
  return [
    `  ${total}: ${agents.join(", ")}`,
    `  ${spend.calls} model calls, ${tokens} tokens, ${run.entries} audit entries`,
  ];
}

function spendLine({ spend }: Sight): string {
  return `${money(spend.spentMicros, spend.currency)} of ${money(spend.capMicros, spend.currency)}`;
}

function named(tools: readonly (readonly [string, number])[]): string {
  return tools.map(([tool, count]) => `${tool} ${count}`).join(", ");
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
