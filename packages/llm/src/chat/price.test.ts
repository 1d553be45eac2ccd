import { isBulkheadError } from "@bulkhead/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import { cost, priceOf, priceTable } from "./price.ts";

const tokens = fc.nat({ max: 10_000_000 });
const usage = fc.record({ inputTokens: tokens, outputTokens: tokens });
const price = fc.record({
  inputMicrosPerMillion: fc.nat({ max: 1_000_000_000 }),
  outputMicrosPerMillion: fc.nat({ max: 1_000_000_000 }),
});

test("COST-04: a cost is an integer, never below the exact one and less than one micro-unit above it", () => {
  fc.assert(
    fc.property(usage, price, (used, per) => {
      const exact =
        BigInt(used.inputTokens) * BigInt(per.inputMicrosPerMillion) +
        BigInt(used.outputTokens) * BigInt(per.outputMicrosPerMillion);
      const micros = BigInt(cost(used, per)) * 1_000_000n;
      expect(micros >= exact && micros - exact < 1_000_000n).toBe(true);
    }),
  );
});

test("COST-03: a model without a price is refused; of two prices the higher counts", () => {
  const model = (input: number, output: number) => ({
    ...{ baseUrl: "http://127.0.0.1/v1", model: "m", maxOutputTokens: 1, timeoutMs: 1 },
    price: { inputMicrosPerMillion: input, outputMicrosPerMillion: output },
  });
  const table = priceTable({ currency: "EUR", priceVersion: "7", classes: { a: model(1, 9), b: model(5, 2) } });
  expect(table.version).toBe("7");
  expect(priceOf(table, "m")).toEqual({ inputMicrosPerMillion: 5, outputMicrosPerMillion: 9 });
  expect(() => priceOf(table, "n")).toThrow(
    expect.toSatisfy((error: unknown) => isBulkheadError(error, "model.unknown")),
  );
});
