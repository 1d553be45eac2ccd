import type { ArgumentRole, JsonObject, JsonValue, ToolContract } from "@bulkhead/schemas";

/** Said for a recipient or an address whose domain cannot be told, so that no list of allowed domains holds it. */
export const NO_DOMAIN = "unknown";

/** Where a call would send something: the domains of its recipients and the hosts of its URLs, in lower case, each once. */
export function domainsOf(tool: ToolContract, args: JsonObject): string[] {
  const domains = [
    ...textsOf(tool, args, "recipient").map(domainOfAddress),
    ...textsOf(tool, args, "url").map(hostOfUrl),
  ];
  return [...new Set(domains)];
}

/** What a call would move: the sum of its arguments of the role `amount`, rounded up to an integer. */
export function amountOf({ roles }: ToolContract, args: JsonObject): number {
  const amounts = Object.entries(roles).flatMap(([name, role]) => (role === "amount" ? [args[name]] : []));
  return Math.ceil(amounts.flatMap(numbersIn).reduce((sum, amount) => sum + amount, 0));
}

/** Tells hour (0–23) and weekday (1 = Monday to 7) in a time zone. @throws RangeError if there is no such zone */
export function houseClock(timeZone: string): (at: number) => { readonly hour: number; readonly weekday: number } {
  const format = new Intl.DateTimeFormat("en-GB", { timeZone, hour: "2-digit", hourCycle: "h23", weekday: "short" });
  return (at) => {
    const parts = new Map(format.formatToParts(at).map(({ type, value }) => [type, value]));
    return { hour: Number(parts.get("hour")), weekday: DAYS.indexOf(parts.get("weekday") ?? "") + 1 };
  };
}

const DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

function textsOf({ roles }: ToolContract, args: JsonObject, wanted: ArgumentRole): string[] {
  return Object.entries(roles).flatMap(([name, role]) => (role === wanted ? stringsIn(args[name]) : []));
}

function stringsIn(value: JsonValue | undefined): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(stringsIn) : [];
}

function numbersIn(value: JsonValue | undefined): number[] {
  if (typeof value === "number") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(numbersIn) : [];
}

function domainOfAddress(address: string): string {
  const domain = /@([^@\s<>]+)>?\s*$/.exec(address)?.[1]?.toLowerCase().replace(/\.$/, "");
  return domain === undefined || domain === "" ? NO_DOMAIN : domain;
}

function hostOfUrl(url: string): string {
  const host = URL.canParse(url) ? new URL(url).hostname.replace(/\.$/, "") : "";
  return host === "" ? NO_DOMAIN : host;
}
