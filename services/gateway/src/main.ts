import { runService } from "@bulkhead/service";
import { gatewayConfig } from "./config.ts";
import { startGateway } from "./service.ts";

await runService(gatewayConfig, startGateway);
