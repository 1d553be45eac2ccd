import type { ModelCallDocument } from "@bulkhead/schemas";
import type { Runtime } from "@bulkhead/service";
import type { CollectionPort } from "@bulkhead/store";
import type { Accounts } from "./budget/accounts.ts";
import type { Provider } from "./call/provider.ts";
import type { ModelsConfig } from "./config.ts";
import type { Recorder } from "./events.ts";

export interface Models
  extends Pick<Runtime<ModelsConfig>, "bus" | "policy" | "control" | "clock" | "log" | "instance" | "signal"> {
  readonly calls: CollectionPort<ModelCallDocument>;
  readonly accounts: Accounts;
  readonly record: Recorder;
  /** Ids under way in this process, so that a repeated request joins the one that runs. */
  readonly running: Map<string, Promise<unknown>>;
  provider(agent: string): Promise<Provider>;
}
