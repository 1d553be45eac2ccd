import { expect, test } from "vitest";
import { closest, didYouMean } from "./mistakes.ts";

test("the closest name is offered when it is close enough to be meant", () => {
  expect(closest("mial-read", ["mail-read", "mail-send"])).toBe("mail-read");
  expect(closest("transfer", ["mail-read", "mail-send"])).toBeUndefined();
  expect(didYouMean("x", [])).toBe("There are none yet.");
  expect(didYouMean("payments", ["b", "a"])).toBe("There are: a, b.");
});
