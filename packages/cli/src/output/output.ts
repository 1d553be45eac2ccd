import { type Paint, paintFor } from "./terminal.ts";

/** Where a command says what it found: text for people, or one JSON value with `--json`. */
export interface Output {
  readonly json: boolean;
  readonly paint: Paint;
  readonly interactive: boolean;
  /** A line for people; nothing with `--json`. */
  readonly say: (line?: string) => void;
  /** Progress and advice, on standard error. */
  readonly note: (line: string) => void;
  /** The command's result as JSON; nothing without `--json`. */
  readonly give: (value: unknown) => void;
}

/** The output of a command on this process's streams. */
export function createOutput(json: boolean): Output {
  return {
    json,
    paint: paintFor(process.stdout),
    interactive: process.stdin.isTTY && process.stdout.isTTY && !json,
    say: (line = "") => {
      if (!json) process.stdout.write(`${line}\n`);
    },
    note: (line) => {
      process.stderr.write(`${line}\n`);
    },
    give: (value) => {
      if (json) process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
    },
  };
}
