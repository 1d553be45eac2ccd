import { BulkheadError } from "@bulkhead/core";
import { channelConnection } from "./channel/tools.ts";
import type { ConnectionKind, ConnectionSettings } from "./connection.ts";
import type { Tool } from "./define.ts";
import { filesConnection } from "./files/tools.ts";
import { httpConnection } from "./http/tools.ts";
import { mailConnection } from "./mail/tools.ts";
import { paymentsConnection } from "./payments/tools.ts";
import { tasksConnection } from "./tasks/tools.ts";
import { trackerConnection } from "./tracker/tools.ts";

/** Every kind of connection that ships with Bulkhead. */
export const CONNECTION_KINDS: ReadonlyMap<string, ConnectionKind> = new Map(
  [
    channelConnection,
    filesConnection,
    httpConnection,
    mailConnection,
    paymentsConnection,
    tasksConnection,
    trackerConnection,
  ].map((kind) => [kind.kind, kind]),
);

/**
 * The tools of a connection, named `<connection>-<operation>`. `base`: the folder that relative paths start from.
 * @throws BulkheadError `config.invalid` for an unknown kind or settings that do not fit
 */
export function connectionTools({ name, kind, settings }: ConnectionSettings, base = ""): readonly Tool[] {
  const found = CONNECTION_KINDS.get(kind);
  if (found !== undefined) return found.tools(name, settings, base);
  const known = [...CONNECTION_KINDS.keys()].join(", ");
  throw new BulkheadError("config.invalid", `(connection ${name}: no such kind ${kind}; known: ${known})`);
}

/**
 * The same tools over a throw-away copy of the connection in an empty folder; undefined where there is no such copy.
 * @throws BulkheadError `config.invalid` as `connectionTools` does
 */
export async function copiedTools(connection: ConnectionSettings, dir: string): Promise<readonly Tool[] | undefined> {
  const settings = await CONNECTION_KINDS.get(connection.kind)?.copy(connection.settings, dir);
  return settings && connectionTools({ ...connection, settings });
}
