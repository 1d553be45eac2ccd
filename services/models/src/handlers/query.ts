import type { Received } from "@bulkhead/bus";
import { BulkheadError } from "@bulkhead/core";
import type { ModelCallDocument, QueryReply, SpendView } from "@bulkhead/schemas";
import { dayOf } from "../budget/accounts.ts";
import type { Models } from "../port.ts";

const MAX_CALLS = 10_000;

/** `bh.query.models.<operator>`: what a day cost. */
export async function query(models: Models, { body }: Received<"queryModels">): Promise<QueryReply> {
  if (body.kind !== "models.spend") throw new BulkheadError("query.unknown");
  return { kind: body.kind, spend: await spendOf(models, body.day ?? dayOf(models.clock.now())) };
}

async function spendOf({ accounts, calls, policy }: Models, day: string): Promise<SpendView> {
  const [budgets, made] = await Promise.all([accounts.of(day), calls.find({ day }, { limit: MAX_CALLS })]);
  const all = budgets.find(({ agent }) => agent === undefined);
  const figures = (one: (typeof budgets)[number] | undefined, capMicros: number) => ({
    spentMicros: one?.spentMicros ?? 0,
    reservedMicros: Math.max(0, (one?.heldMicros ?? 0) - (one?.spentMicros ?? 0)),
    capMicros,
  });
  const agents = Object.values(policy.policy.agents);
  return {
    ...{ day, currency: policy.policy.models.currency, calls: all?.calls ?? 0 },
    ...figures(all, policy.policy.dailyMicros),
    byAgent: Object.fromEntries(
      agents.map(({ name, dailyMicros }) => [
        name,
        figures(
          budgets.find(({ agent }) => agent === name),
          dailyMicros,
        ),
      ]),
    ),
    byModel: byModel(made),
  };
}

function byModel(made: readonly ModelCallDocument[]): SpendView["byModel"] {
  const rows: SpendView["byModel"] = {};
  for (const { model, costMicros, inputTokens, outputTokens } of made) {
    const row = (rows[model] ??= { spentMicros: 0, inputTokens: 0, outputTokens: 0, calls: 0 });
    row.spentMicros += costMicros;
    row.inputTokens += inputTokens;
    row.outputTokens += outputTokens;
    row.calls += 1;
  }
  return rows;
}
