import type { Answer, Result } from "../control/roll-call.ts";
import { type Paint, table } from "./terminal.ts";

/** `0.034 s`. */
export function secondsOf(ms: number): string {
  return `${(ms / 1_000).toFixed(3)} s`;
}

/** One acknowledgement, as it comes. */
export function describeAnswer({ instance, ms }: Answer, paint: Paint): string {
  return `  ${paint.green("✓")} ${instance.padEnd(36)} ${secondsOf(ms)}`;
}

/** The end of a roll call: how many, how fast, and loudly who did not answer. */
export function describeResult({ acknowledged, missing }: Result, withinMs: number, paint: Paint): string {
  const slowest = Math.max(0, ...acknowledged.map(({ ms }) => ms));
  const count = `${acknowledged.length} of ${acknowledged.length + missing.length} acknowledged`;
  if (missing.length === 0) return paint.green(`${count}, the slowest after ${secondsOf(slowest)}.`);
  const rows = missing.map(({ identity, instance }) => [
    `  ✗ ${instance ?? identity}`,
    instance === undefined ? "is not heard: it does not run, or is cut off" : "was heard lately and does not answer",
  ]);
  return [
    paint.red(paint.bold(`NOT ACKNOWLEDGED within ${secondsOf(withinMs)} (${count}):`)),
    paint.red(table(rows)),
    "It holds all the same for everybody who acknowledged, and for whoever starts or comes back: look at these processes, and end them.",
  ].join("\n");
}
