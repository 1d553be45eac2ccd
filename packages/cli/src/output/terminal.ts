import { escapeControl } from "@bulkhead/core";

/** Colours where a person sees them: on a terminal, unless NO_COLOR is set. */
export interface Paint {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
}

const codes = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39] } as const;

/** The paint for a stream. */
export function paintFor(stream: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv = process.env): Paint {
  const colour = stream.isTTY === true && !env["NO_COLOR"] && env["TERM"] !== "dumb";
  const wrap = (name: keyof typeof codes) => (text: string) =>
    colour ? `\x1b[${codes[name][0]}m${text}\x1b[${codes[name][1]}m` : text;
  return { bold: wrap("bold"), dim: wrap("dim"), red: wrap("red"), green: wrap("green"), yellow: wrap("yellow") };
}

/** Text from outside in one line: nothing in it can move the cursor, hide, or break the line (INJ-18). */
export function shown(text: string, width = 200): string {
  const line = escapeControl(text.replace(/\s+/g, " ").trim());
  return line.length > width ? `${line.slice(0, width - 1)}…` : line;
}

/** Text from outside over several lines, indented. */
export function block(text: string, indent = "  "): string {
  return escapeControl(text, { multiline: true })
    .split("\n")
    .map((line) => `${indent}${line}`)
    .join("\n");
}

/** Rows in columns, as wide as their contents. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows)
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.length);
  return rows
    .map((row) =>
      row
        .map((cell, index) => cell.padEnd(widths[index] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** `2026-11-23 01:02:03` (UTC). */
export function timeOf(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, 19).replace("T", " ");
}

/** Millionths as money: `0.0213 EUR`. */
export function moneyOf(micros: number, currency: string): string {
  return `${(micros / 1_000_000).toFixed(micros % 10_000 === 0 ? 2 : 4)} ${currency}`;
}
