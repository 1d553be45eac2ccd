import type { Action, Grant, Label, ToolContract } from "@bulkhead/schemas";
import type { Runtime } from "@bulkhead/service";
import type { RecordPort, Tool } from "@bulkhead/tools";
import type { z } from "zod";
import type { Claims } from "./claims.ts";
import type { ExecutorConfig } from "./config.ts";
import type { ContentPort } from "./content.ts";
import type { CredentialBox } from "./credentials.ts";
import type { Events } from "./events.ts";

/** What the executor's steps work with. */
export interface Parts {
  readonly runtime: Runtime<ExecutorConfig>;
  readonly credentials: CredentialBox;
  readonly claims: Claims;
  readonly records: (by: string) => RecordPort;
  readonly content: ContentPort;
  readonly events: Events;
}

/** A tool of this set whose code is the one that was signed. */
export interface LoadedTool {
  readonly contract: z.infer<typeof ToolContract>;
  readonly tool: Tool;
  readonly builtin: boolean;
  /** What undoes it, of the same executor, where its contract names that. */
  readonly inverse?: Tool;
}

/** A call that may run: every signature that it needs was verified over these very, frozen, arguments. */
export interface PermittedCall {
  readonly loaded: LoadedTool;
  readonly action: Action;
  readonly digest: string;
  readonly effectId: string;
  readonly grant: Grant;
  /** The task's labels as this process read them before the call could raise its own. */
  readonly labels: readonly Label[];
  readonly proposal?: string;
  /** Of an undo: the call that it undoes, and the digest of its action that a person decided about. */
  readonly undone?: PermittedCall;
  /** The digest of the state that the call was held for. */
  readonly before?: string;
}
