import type { Runtime } from "@bulkhead/service";
import type { GatewayConfig } from "./config.ts";
import { flights } from "./course/flights.ts";
import { recorder } from "./events.ts";
import { call } from "./handlers/call.ts";
import { release } from "./handlers/release.ts";
import type { Gateway } from "./port.ts";

/** A call in hand mostly waits for others, so many fit beside each other. */
const CONCURRENCY = 512;

export function startGateway(runtime: Runtime<GatewayConfig>): void {
  const gateway: Gateway = { ...runtime, record: recorder(runtime), flights: flights(runtime.clock) };
  runtime.bus.serve("call", (request) => call(gateway, request), { concurrency: CONCURRENCY });
  runtime.bus.serve("release", (request) => release(gateway, request), { concurrency: CONCURRENCY });
}
