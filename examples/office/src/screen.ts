import { escapeControl } from "@bulkhead/core";

/** Where the demo shows itself. `update` replaces the live part on a terminal; elsewhere it prints its headline when that has changed. */
export interface Screen {
  say(line?: string): void;
  update(live: readonly string[], headline: string): void;
  /** Ends the live part and leaves it on the screen. */
  settle(): void;
  readonly paint: Paint;
}

/** Colours, or none where nobody sees them. */
export interface Paint {
  bold(text: string): string;
  dim(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  red(text: string): string;
}

/** The stream that a screen writes to. */
export interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const PLAIN_EVERY_MS = 2_000;

/** A screen on `output`: with colours and a live part on a terminal, plain lines otherwise. */
export function createScreen(output: Output, now: () => number = Date.now): Screen {
  const tty = output.isTTY === true;
  let lines = 0;
  let said = { headline: "", at: 0 };
  const erase = (): void => {
    if (lines > 0) output.write(`\x1b[${lines}A\x1b[0J`);
    lines = 0;
  };
  const print = (line: string): unknown => output.write(`${line}\n`);
  return {
    paint: tty ? ANSI : NONE,
    say: (line = "") => {
      erase();
      print(line);
    },
    update: (live, headline) => {
      if (tty) {
        erase();
        for (const line of live) print(clip(line, widthOf(output)));
        lines = live.length;
      } else if (headline !== said.headline && now() - said.at >= PLAIN_EVERY_MS) {
        print(headline);
        said = { headline, at: now() };
      }
    },
    settle: () => {
      lines = 0;
    },
  };
}

/** A text from a mail or an agent, fit for one line of a terminal: nothing in it can move the cursor or hide. */
export function quote(text: string, width = 60): string {
  const line = escapeControl(text.replace(/\s+/g, " ").trim());
  return line.length > width ? `${line.slice(0, width - 1)}…` : line;
}

/** Money for people: `€0.0213`. */
export function money(micros: number, currency: string): string {
  const format = new Intl.NumberFormat("en", { style: "currency", currency, maximumFractionDigits: 4 });
  return format.format(micros / 1_000_000);
}

const style = (open: number, close: number) => (text: string) => `\x1b[${open}m${text}\x1b[${close}m`;
const ANSI: Paint = {
  bold: style(1, 22),
  dim: style(2, 22),
  green: style(32, 39),
  yellow: style(33, 39),
  red: style(31, 39),
};
const same = (text: string): string => text;
const NONE: Paint = { bold: same, dim: same, green: same, yellow: same, red: same };

/** A terminal may say that it has no columns: then it has the usual ones. */
function widthOf({ columns = 0 }: Output): number {
  return columns > 20 ? columns : 80;
}

/** Cuts a painted line at the terminal's width, so that it stays one line; colours take no room. */
function clip(line: string, columns: number): string {
  let room = columns - 1;
  let out = "";
  for (const part of line.split(/(\x1b\[\d+m)/)) {
    if (part.startsWith("\x1b[")) out += part;
    else {
      out += part.slice(0, room);
      room -= Math.min(room, part.length);
    }
  }
  return out;
}
