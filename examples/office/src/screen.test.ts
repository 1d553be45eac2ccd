import { expect, test } from "vitest";
import { createScreen, money, quote } from "./screen.ts";

function output(isTTY: boolean): {
  written: string[];
  isTTY: boolean;
  columns: number;
  write: (text: string) => number;
} {
  const written: string[] = [];
  return { written, isTTY, columns: 40, write: (text) => written.push(text) };
}

test("INJ-18: text from a mail cannot move the cursor, hide, or break the line", () => {
  expect(quote("a\x1b[2Jb\u202ec\nd")).toBe("a\\x1b[2Jb\\u202ec d");
  expect(quote("x".repeat(80), 10)).toBe("xxxxxxxxx…");
});

test("without a terminal there are no escape sequences, and a headline only when it changed and some time has passed", () => {
  const out = output(false);
  let now = 10_000;
  const screen = createScreen(out, () => now);
  screen.update(["live"], "one");
  screen.update(["live"], "two");
  now += 2_000;
  screen.update(["live"], "two");
  now += 2_000;
  screen.update(["live"], "two");
  expect(out.written).toEqual(["one\n", "two\n"]);
});

test("on a terminal the live part replaces itself and stays in its line", () => {
  const out = output(true);
  const screen = createScreen(out);
  screen.update(["a".repeat(60), "b"], "");
  screen.update(["c"], "");
  expect(out.written).toEqual([`${"a".repeat(39)}\n`, "b\n", "\x1b[2A\x1b[0J", "c\n"]);
});

test("money has its currency and up to four decimals", () => {
  expect(money(21_345, "EUR")).toBe("€0.0213");
});
