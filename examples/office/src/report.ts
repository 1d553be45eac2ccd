import { ERROR_CODES, isErrorCode } from "@bulkhead/core";
import type { ProposalView } from "@bulkhead/schemas";
import { money, type Paint, quote } from "./screen.ts";
import { countByTier, countByTool, type Fate, type Tally } from "./tally.ts";
import type { Sight } from "./watch.ts";

const BAR = 24;
const WAITING_SHOWN = 5;
const TOOLS_SHOWN = 4;

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

/** What happened at each tier, what waits, what was refused and why, what it cost. */
export function reportLines(sight: Sight, paint: Paint): string[] {
  return [
    ...section("What happened, by tier", tierLines(sight.run, paint), paint),
    ...section("What waits for a person", waitingLines(sight.waiting, paint), paint),
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

const COLUMNS: readonly Fate[] = ["ran", "asked", "refused"];
const TROUBLE: readonly Fate[] = ["failed", "unknown"];

function tierLines(run: Tally, paint: Paint): string[] {
  const trouble = TROUBLE.filter((fate) => [...run.calls.values()].some((call) => call.fate === fate));
  const columns = [...COLUMNS, ...trouble];
  const head = `  ${"".padEnd(9)}${columns.map((fate) => fate.padStart(8)).join("")}`;
  const rows = countByTier(run)
    .filter(([, count]) => count > 0)
    .map(([tier]) => {
      const tools = columns.map((fate) => countByTool(run, tier, fate));
      const sums = tools.map((counts) => counts.reduce((sum, [, count]) => sum + count, 0));
      const cells = sums.map((sum) => (sum > 0 ? String(sum) : "").padStart(8)).join("");
      return `  ${paint.bold(tier.padEnd(9))}${cells}   ${paint.dim(named(tools.flat()))}`;
    });
  return [paint.dim(head), ...rows];
}

function waitingLines(waiting: readonly ProposalView[], paint: Paint): string[] {
  const lines = waiting.slice(0, WAITING_SHOWN).map((proposal) => `  ${sentence(proposal)}`);
  const more = waiting.length - lines.length;
  const reasons = new Set(waiting.flatMap((proposal) => proposal.reasons));
  const asked = [...reasons].map((reason) => WHY_ASKED[reason] ?? reason).join("; ");
  return [
    ...lines,
    ...(more > 0 ? [paint.dim(`  and ${more} more`)] : []),
    ...(asked === "" ? [] : [paint.dim(`  Why a person is asked: ${asked}.`)]),
  ];
}

const WHY_ASKED: Readonly<Record<string, string>> = {
  "tier.declared": "the policy says CONFIRM",
  "tier.exception": "it leaves the house or cannot be undone",
  "label.a-out": "the agent has read what strangers wrote",
  "label.b-out": "the agent has seen private mail",
  "ceiling.lease": "whoever gave the task may do no more",
};

/** One line about a proposal: the tool, and with what. Its texts are an agent's. */
export function sentence({ action }: ProposalView): string {
  const values = Object.values(action.args).map((value) =>
    Array.isArray(value) ? value.map(textOf).join(", ") : textOf(value),
  );
  return `${action.tool}  ${quote(values.join(" · "), 84)}`;
}

function refusedLines(run: Tally, paint: Paint): string[] {
  const refused = [...run.calls.values()].filter((call) => call.fate === "refused");
  const kinds = Map.groupBy(refused, ({ agent, tool, code }) => `${agent} asked for ${tool}: ${explained(code)}`);
  return [...kinds].map(([kind, calls]) => `  ${paint.red(`${calls.length} ×`)} ${kind}`);
}

function explained(code = ""): string {
  return isErrorCode(code) ? `${ERROR_CODES[code].text} (${code})` : code;
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
  const shown = tools.slice(0, TOOLS_SHOWN).map(([tool, count]) => `${tool} ${count}`);
  const more = tools.length - shown.length;
  return [...shown, ...(more > 0 ? [`${more} more`] : [])].join(", ");
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
