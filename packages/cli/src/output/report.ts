import type { Drill, Overrides, Row, Summary } from "../report/summarize.ts";
import { type Paint, shown, table, timeOf } from "./terminal.ts";

/** What a report says besides the summary. */
export interface Context {
  readonly since: number;
  readonly until: number;
  readonly mode: "enforce" | "observe";
  /** Tools whose calls leave the house, or cannot be undone. */
  readonly outward: ReadonlySet<string>;
}

/** A summary on one page. */
export function describeReport(summary: Summary, context: Context, paint: Paint): string {
  const { rows, overrides, drills, entries } = summary;
  const observed = rows.filter(({ wouldRun, wouldAsk, wouldBlock }) => wouldRun + wouldAsk + wouldBlock > 0);
  const real = rows.filter(({ ran, asked, blocked }) => ran + asked + blocked > 0);
  return [
    paint.bold(`${timeOf(context.since)} to ${timeOf(context.until)} UTC, mode ${context.mode}, ${entries} entries`),
    ...section(
      "What would have happened (observed, and not done)",
      observed.map((row) => wouldOf(row, context)),
      [...["agent", "tool", "sent", "changed", "asked", "blocked", "why asked or blocked"]],
      paint,
    ),
    ...section(
      "What happened",
      real.map((row) => didOf(row)),
      [...["agent", "tool", "ran", "asked", "blocked", "why asked or blocked"]],
      paint,
    ),
    `\n${paint.bold("What people decided")}\n  ${peopleOf(overrides)}`,
    ...section(
      "Stops",
      drills.map(drillOf),
      [...["stop", "about", "by", "signed", "obeyed by", "slowest", "last effect", "lifted"]],
      paint,
    ),
  ].join("\n");
}

function section(title: string, rows: readonly (readonly string[])[], head: readonly string[], paint: Paint): string[] {
  const body =
    rows.length === 0
      ? ["  nothing"]
      : table([head, ...rows])
          .split("\n")
          .map((line) => `  ${line}`);
  return [`\n${paint.bold(title)}`, ...body];
}

function wouldOf({ agent, tool, wouldRun, wouldAsk, wouldBlock, reasons }: Row, { outward }: Context): string[] {
  const isOut = outward.has(tool);
  return [
    ...[shown(agent, 30), shown(tool, 30), String(isOut ? wouldRun : 0), String(isOut ? 0 : wouldRun)],
    ...[String(wouldAsk), String(wouldBlock), whyOf(reasons)],
  ];
}

function didOf({ agent, tool, ran, asked, blocked, reasons }: Row): string[] {
  return [shown(agent, 30), shown(tool, 30), String(ran), String(asked), String(blocked), whyOf(reasons)];
}

function whyOf(reasons: Row["reasons"]): string {
  const most = Object.entries(reasons).sort(([, a], [, b]) => b - a);
  return most.map(([reason, count]) => `${reason} ${count}`).join(", ");
}

function peopleOf(overrides: Overrides): string {
  return Object.entries(overrides)
    .map(([what, count]) => `${what} ${count}`)
    .join(", ");
}

function drillOf({ stop, about, operator, at, points, slowestMs, lastEffectMs, resumedAt }: Drill): string[] {
  return [
    ...[stop, about, operator, timeOf(at), `${points} processes`, `${slowestMs} ms`],
    lastEffectMs === 0 ? "none after it" : `${lastEffectMs} ms after it`,
    resumedAt === undefined ? "no" : timeOf(resumedAt),
  ];
}
