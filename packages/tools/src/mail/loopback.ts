/** Whether a host is this machine: the only place where mail protocols may go without TLS. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
}
