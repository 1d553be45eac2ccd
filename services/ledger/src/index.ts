export { chainAfter, GENESIS, leafOf } from "./chain/hashes.ts";
export { Verifier } from "./chain/verifier.ts";
export { ledgerConfig } from "./config.ts";
export { startLedger } from "./service.ts";
