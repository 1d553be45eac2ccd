import type { Received } from "@bulkhead/bus";
import { BulkheadError } from "@bulkhead/core";
import type { QueryReply } from "@bulkhead/schemas";
import { oneOf } from "@bulkhead/store";
import { viewOf } from "../chain/entry.ts";
import { type Entries, readFrom } from "../chain/read.ts";
import type { Verifier } from "../chain/verifier.ts";

export interface QueryParts {
  readonly entries: Entries;
  readonly verifier: Verifier;
}

const KINDS = ["task", "call", "model", "content", "proposal", "decision", "entry", "effect", "stop"];

export async function query({ body }: Received<"queryLedger">, { entries, verifier }: QueryParts): Promise<QueryReply> {
  switch (body.kind) {
    case "ledger.tail":
      return { kind: body.kind, entries: (await readFrom(entries, body.after + 1, body.limit)).map(viewOf) };
    case "ledger.about": {
      const causes = oneOf([body.id, ...KINDS.map((kind) => `${kind}:${body.id}`)]);
      const found = await entries.find({ causes }, { sort: { _id: 1 }, limit: body.limit });
      return { kind: body.kind, entries: found.map(viewOf) };
    }
    case "ledger.verify":
      return { kind: body.kind, ...(await verifier.verdict()) };
    default:
      throw new BulkheadError("query.unknown", `(${body.kind})`);
  }
}
