export { chainAfter, GENESIS, leafOf } from "./chain/hashes.ts";
export { ledgerConfig } from "./config.ts";
export { startLedger } from "./service.ts";
