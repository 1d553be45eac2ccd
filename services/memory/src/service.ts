import type { Clock } from "@bulkhead/core";
import { type ContentDocument, DATABASES } from "@bulkhead/schemas";
import type { AuditWriter, Logger, Runtime } from "@bulkhead/service";
import type { CollectionPort } from "@bulkhead/store";
import { get } from "./handlers/get.ts";
import { put } from "./handlers/put.ts";
import { query } from "./handlers/query.ts";

export interface MemoryParts {
  readonly pieces: CollectionPort<ContentDocument>;
  readonly audit: AuditWriter;
  readonly log: Logger;
  readonly clock: Clock;
  readonly retentionMs: number;
  readonly keyOf: (identity: string) => string | undefined;
}

export async function startMemory(runtime: Runtime): Promise<void> {
  const { bus, audit, log, clock, policy } = runtime;
  const store = await runtime.openStore();
  await store.checkIndexes(Object.values(DATABASES.memory));
  const pieces = store.collection(DATABASES.memory.content);
  const { contentMs: retentionMs } = policy.policy.retention;
  const parts: MemoryParts = { pieces, audit, log, clock, retentionMs, keyOf: (identity) => runtime.keyOf(identity) };

  bus.serve("content", (request) =>
    request.body.kind === "put" ? put(request, request.body, parts) : get(request, request.body, parts),
  );
  bus.serve("queryMemory", (request) => query(request, parts));
}
