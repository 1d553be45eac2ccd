import { runService } from "@bulkhead/service";
import { proposalsConfig } from "./config.ts";
import { startProposals } from "./service.ts";

await runService(proposalsConfig, startProposals);
