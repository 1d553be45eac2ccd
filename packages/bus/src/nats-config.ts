import { BulkheadError } from "@bulkhead/core";
import type { Participants } from "./participants.ts";
import { type Permissions, permissionsOf } from "./permissions.ts";
import { isLoopback } from "./url.ts";

/** The largest message that the bus carries. */
export const MAX_MESSAGE_BYTES = 1_048_576;

/** What a server configuration is made of. */
export interface NatsConfigOptions {
  readonly policy: Participants;
  /** Where JetStream keeps its files. */
  readonly storeDir: string;
  /** -1: any free port. */
  readonly port: number;
  /** 127.0.0.1 by default. Any other address needs `tls`. */
  readonly host?: string;
  /** Where the server writes the ports that it chose. */
  readonly portsDir?: string;
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
  /** Flush every write to the disk before it is acknowledged: holds against power loss, costs time (production). */
  readonly syncAlways?: boolean;
}

/**
 * The whole configuration of the NATS server, every permission generated from the contracts and the signed policy. There is no
 * shared account, no default user, no `allow_responses` and no system user.
 *
 * @throws BulkheadError `bus.plaintext` for an address outside loopback without TLS
 */
export function natsConfig(options: NatsConfigOptions): string {
  const host = options.host ?? "127.0.0.1";
  if (!isLoopback(host) && !options.tls) throw new BulkheadError("bus.plaintext", `(${host})`);
  return [
    `listen: ${quote(`${host}:${options.port}`)}`,
    ...(options.portsDir ? [`ports_file_dir: ${quote(options.portsDir)}`] : []),
    `max_payload: ${MAX_MESSAGE_BYTES}`,
    `max_control_line: 4096`,
    `ping_interval: "10s"`,
    `write_deadline: "5s"`,
    `jetstream { store_dir: ${quote(options.storeDir)}${options.syncAlways ? ", sync_interval: always" : ""} }`,
    ...(options.tls
      ? [`tls { cert_file: ${quote(options.tls.certFile)}, key_file: ${quote(options.tls.keyFile)} }`]
      : []),
    "authorization {",
    `  default_permissions { publish { deny: [">"] }, subscribe { deny: [">"] } }`,
    "  users: [",
    ...[...permissionsOf(options.policy)].map(([identity, permissions]) => user(identity, permissions, options.policy)),
    "  ]",
    "}",
    "",
  ].join("\n");
}

function user(identity: string, permissions: Permissions, policy: Participants): string {
  const nkey = policy.trust[identity]?.bus ?? "";
  return [
    `    # ${identity}`,
    `    { nkey: ${nkey}, permissions: {`,
    `      publish: ${list(permissions.publish)},`,
    `      subscribe: ${list(permissions.subscribe)}`,
    "    } }",
  ].join("\n");
}

/** The server reads an empty allow list as "everything". */
function list(subjects: readonly string[]): string {
  return subjects.length === 0 ? `{ deny: [">"] }` : `{ allow: [${subjects.map(quote).join(", ")}] }`;
}

function quote(text: string): string {
  return JSON.stringify(text);
}
