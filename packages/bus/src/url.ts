import { BulkheadError } from "@bulkhead/core";

/** Whether a host name or address is this machine itself. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

/**
 * Whether a bus URL is to be reached over TLS. Plaintext is for loopback only (ZT-07).
 *
 * @throws BulkheadError `bus.plaintext`; `config.invalid` if it is no bus URL
 */
export function needsTls(url: string): boolean {
  if (!URL.canParse(url)) throw new BulkheadError("config.invalid", "(the bus URL)");
  const { protocol, hostname, username } = new URL(url);
  if (username !== "") throw new BulkheadError("config.invalid", "(a bus URL holds no credentials)");
  if (protocol === "tls:") return true;
  if (protocol !== "nats:") throw new BulkheadError("config.invalid", "(the bus URL starts with nats:// or tls://)");
  if (!isLoopback(hostname)) throw new BulkheadError("bus.plaintext", `(${hostname})`);
  return false;
}
