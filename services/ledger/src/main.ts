import { runService } from "@bulkhead/service";
import { ledgerConfig } from "./config.ts";
import { startLedger } from "./service.ts";

await runService(ledgerConfig, startLedger);
