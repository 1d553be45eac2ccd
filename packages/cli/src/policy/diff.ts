import type { Policy } from "@bulkhead/schemas";

/** One difference between two policies: where, and both values. `undefined` = it is not there. */
export interface Change {
  readonly path: string;
  readonly before?: string;
  readonly after?: string;
}

/** Noise for a reader: derived from what is shown anyway, or shown as "code or contract". */
const HIDDEN =
  /^(signedAt|v|tools\.[^.]+\.(inputSchema|roles|name|operation|adapter)|agents\.[^.]+\.name|operators\.[^.]+\.name|toolsets\.)/;

/** What is different, in the order of the paths. Without a policy before, everything is new. */
export function diffPolicies(before: Policy | undefined, after: Policy): readonly Change[] {
  const [old, fresh] = [before === undefined ? new Map<string, string>() : flatten(before), flatten(after)];
  const paths = [...new Set([...old.keys(), ...fresh.keys()])].sort();
  return paths.flatMap((path) => {
    const [was, is] = [old.get(path), fresh.get(path)];
    if (was === is) return [];
    return [{ path, ...(was !== undefined && { before: was }), ...(is !== undefined && { after: is }) }];
  });
}

/** One line of a readable diff: `+ agents.inbox.tools.mail-send.tier: CONFIRM`. */
export function formatChange({ path, before, after }: Change): string {
  if (before === undefined) return `+ ${path}: ${after ?? ""}`;
  if (after === undefined) return `- ${path}: ${before}`;
  return `~ ${path}: ${before} → ${after}`;
}

function flatten(value: unknown, path = "", into = new Map<string, string>()): Map<string, string> {
  if (HIDDEN.test(path)) return into;
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    for (const [key, child] of Object.entries(value)) flatten(child, path === "" ? key : `${path}.${key}`, into);
  } else if (value !== undefined) {
    into.set(path, scalar(path, value));
  }
  return into;
}

function scalar(path: string, value: unknown): string {
  if (/Micros$|MicrosPerMillion$/.test(path)) return (Number(value) / 1_000_000).toFixed(2);
  if (/Ms$/.test(path)) return span(Number(value));
  if (/(expiresAt|until)$/.test(path)) return new Date(Number(value)).toISOString().slice(0, 10);
  if (/\.(hash|signing|bus)$|^rehearsals\./.test(path)) return String(value).slice(0, 19);
  const text = typeof value === "string" ? value.replace(/\s+/g, " ").trim() : JSON.stringify(value);
  return text.length > 100 ? `${text.slice(0, 99)}…` : text;
}

function span(ms: number): string {
  const units: readonly (readonly [number, string])[] = [
    [86_400_000, "d"],
    [3_600_000, "h"],
    [60_000, "m"],
    [1_000, "s"],
  ];
  const [size, unit] = units.find(([length]) => ms >= length && ms % length === 0) ?? [1, "ms"];
  return `${ms / size}${unit}`;
}
