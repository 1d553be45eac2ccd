import { DATABASES } from "@bulkhead/schemas";
import type { Runtime } from "@bulkhead/service";
import { Counters } from "./chain/counters.ts";
import { Verifier } from "./chain/verifier.ts";
import { ChainWriter } from "./chain/writer.ts";
import type { LedgerConfig } from "./config.ts";
import { queryAnswered } from "./events.ts";
import { watchGaps } from "./gaps.ts";
import { query } from "./handlers/query.ts";
import { record } from "./handlers/record.ts";
import { reject } from "./handlers/reject.ts";

const IN_HAND = 256;

export async function startLedger(runtime: Runtime<LedgerConfig>): Promise<void> {
  const { bus, clock, audit, log, config } = runtime;
  const store = await runtime.openStore();
  await store.checkIndexes(Object.values(DATABASES.ledger));
  await store.assertAppendOnly(DATABASES.ledger.entries);
  const entries = store.collection(DATABASES.ledger.entries);
  const writer = new ChainWriter(entries, clock);
  const counters = new Counters(entries);
  const verifier = new Verifier(entries, (issuer) => runtime.keyOf(issuer));
  runtime.own(watchGaps({ entries, counters, audit, log, clock, graceMs: config.gapGraceMs }));

  bus.consume("audit", (message) => record(message, { writer, counters, clock }), {
    concurrency: IN_HAND,
    deadLetter: (message, error) => reject(message, error, { bus, audit, log }),
  });
  const asked = new Map<string, number>();
  bus.serve("queryLedger", async (request) => {
    const reply = await query(request, { entries, verifier });
    await queryAnswered({ audit, log, clock, asked }, request.issuer, request.body.kind);
    return reply;
  });
}
