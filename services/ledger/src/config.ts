import { baseConfig } from "@bulkhead/service";
import { z } from "zod";

export const ledgerConfig = baseConfig.extend({
  /** How long a missing counter may still arrive before it is recorded as a gap. */
  gapGraceMs: z.int().min(100).default(10_000),
});
export type LedgerConfig = z.infer<typeof ledgerConfig>;
