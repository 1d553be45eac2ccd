import type { Received } from "@bulkhead/bus";
import { BulkheadError } from "@bulkhead/core";
import {
  type BudgetDocument,
  MAX_SPEND_TASKS,
  type ModelCallDocument,
  type QueryReply,
  type SpendView,
} from "@bulkhead/schemas";
import { dayOf } from "../budget/day.ts";
import type { ModelsParts } from "../service.ts";

const MAX_CALLS = 50_000;

export async function query({ body, issuer, id }: Received<"queryModels">, parts: ModelsParts): Promise<QueryReply> {
  if (body.kind !== "models.spend") throw new BulkheadError("query.unknown", `(${body.kind})`);
  const day = body.day ?? dayOf(parts.clock.now());
  const [whole, agents, calls] = [
    await parts.accounts.read(day),
    await parts.accounts.ofDay(day),
    await parts.calls.find({ day }, { limit: MAX_CALLS }),
  ];
  parts.log.debug({ operator: issuer, query: id }, "spend asked");
  const currency = parts.policy.policy.models.currency;
  const spend = {
    day,
    currency,
    ...figures(whole),
    calls: whole.calls,
    byAgent: byAgent(agents),
    byModel: byModel(calls),
    byTask: byTask(calls),
  };
  return { kind: body.kind, spend };
}

function byAgent(accounts: readonly BudgetDocument[]): SpendView["byAgent"] {
  const named = accounts.flatMap((account) =>
    account.agent === undefined ? [] : [[account.agent, figures(account)] as const],
  );
  return Object.fromEntries(named);
}

function figures({ spentMicros, heldMicros, capMicros }: BudgetDocument): SpendView["byAgent"][string] {
  return { spentMicros, reservedMicros: Math.max(0, heldMicros - spentMicros), capMicros };
}

function byModel(calls: readonly ModelCallDocument[]): SpendView["byModel"] {
  const groups = Map.groupBy(calls, ({ model }) => model);
  return Object.fromEntries([...groups].map(([model, group]) => [model, totalOf(group)]));
}

/** The dearest first; what is reserved counts, since it may be spent. */
function byTask(calls: readonly ModelCallDocument[]): SpendView["byTask"] {
  const groups = Map.groupBy(calls, ({ task }) => task);
  const held = (one: SpendView["byTask"][number]): number => one.spentMicros + one.reservedMicros;
  return [...groups]
    .map(([task, group]) => ({
      task,
      agent: group[0]?.agent ?? "",
      ...totalOf(group),
      reservedMicros: reserved(group),
    }))
    .sort((a, b) => held(b) - held(a) || a.task.localeCompare(b.task))
    .slice(0, MAX_SPEND_TASKS);
}

function reserved(calls: readonly ModelCallDocument[]): number {
  const open = calls.filter(({ state }) => state === "reserved");
  return open.reduce((total, { reservedMicros }) => total + reservedMicros, 0);
}

function totalOf(calls: readonly ModelCallDocument[]): SpendView["byModel"][string] {
  const sum = (pick: (call: ModelCallDocument) => number): number =>
    calls.reduce((total, call) => total + pick(call), 0);
  return {
    spentMicros: sum(({ costMicros }) => costMicros),
    inputTokens: sum(({ inputTokens }) => inputTokens),
    outputTokens: sum(({ outputTokens }) => outputTokens),
    calls: calls.length,
  };
}
