import { expect, test } from "vitest";
import { block, moneyOf, paintFor, shown, table } from "./terminal.ts";

test("INJ-18: what agents and mails wrote cannot move the cursor, hide or break a line", () => {
  expect(shown("a\x1b[2J\nb\u202ec")).toBe("a\\x1b[2J b\\u202ec");
  expect(block("one\r\ntwo\x07")).toBe("  one\\x0d\n  two\\x07");
  expect(shown("x".repeat(50), 10)).toBe("xxxxxxxxx…");
});

test("colours are for terminals", () => {
  expect(paintFor({ isTTY: true }, {}).red("x")).toBe("\x1b[31mx\x1b[39m");
  expect(paintFor({ isTTY: true }, { NO_COLOR: "1" }).red("x")).toBe("x");
  expect(paintFor({}, {}).red("x")).toBe("x");
});

test("columns line up, and money says its currency", () => {
  expect(
    table([
      ["a", "bbb"],
      ["cc", "d"],
    ]),
  ).toBe("a   bbb\ncc  d");
  expect(moneyOf(1_500_000, "EUR")).toBe("1.50 EUR");
  expect(moneyOf(21_345, "EUR")).toBe("0.0213 EUR");
});
