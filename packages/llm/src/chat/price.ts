import { BulkheadError } from "@bulkhead/core";
import type { Policy, Price, Usage } from "@bulkhead/schemas";

/** Prices of a policy: micro-units per million tokens, under a version, so that a recorded cost can be computed again (COST-04). */
export interface PriceTable {
  readonly version: string;
  readonly currency: string;
  readonly prices: ReadonlyMap<string, Price>;
}

const MILLION = 1_000_000n;

/** The price table of a policy's models. Two classes of one model at different prices: the higher counts. */
export function priceTable(models: Policy["models"]): PriceTable {
  const prices = new Map<string, Price>();
  for (const { model, price } of Object.values(models.classes)) prices.set(model, higher(price, prices.get(model)));
  return { version: models.priceVersion, currency: models.currency, prices };
}

/** The price of a model. @throws BulkheadError `model.unknown` if it has none (COST-03) */
export function priceOf(table: PriceTable, model: string): Price {
  const price = table.prices.get(model);
  if (price === undefined) throw new BulkheadError("model.unknown", "(it has no price)");
  return price;
}

/** What tokens cost, in micro-units, rounded up; integers throughout. */
export function cost(usage: Usage, price: Price): number {
  const input = BigInt(usage.inputTokens) * BigInt(price.inputMicrosPerMillion);
  const output = BigInt(usage.outputTokens) * BigInt(price.outputMicrosPerMillion);
  return Number((input + output + MILLION - 1n) / MILLION);
}

function higher(a: Price, b: Price = a): Price {
  return {
    inputMicrosPerMillion: Math.max(a.inputMicrosPerMillion, b.inputMicrosPerMillion),
    outputMicrosPerMillion: Math.max(a.outputMicrosPerMillion, b.outputMicrosPerMillion),
  };
}
