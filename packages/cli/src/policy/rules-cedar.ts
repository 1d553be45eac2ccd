import { readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseRules } from "@bulkhead/policy";
import type { CumulativeLimit, Policy, ToolContract, WatchPolicy } from "@bulkhead/schemas";
import type { Draft } from "./compile.ts";
import type { PolicyFile } from "./file.ts";
import { didYouMean, type Mistake } from "./mistakes.ts";
import type { Project } from "./project.ts";
import type { Path, PolicySource } from "./source.ts";

const FOLDER = "rules";

/** What the watchdog judges by: the `watchdog` part of the file and the texts of `rules/*.cedar` beside it. */
export async function watchOf(project: Project, { watchdog }: PolicyFile): Promise<Pick<Policy, "rules" | "watch">> {
  const { timeZone, limits, outside } = watchdog;
  const watch: WatchPolicy = {
    timeZone,
    limits: Object.fromEntries(Object.entries(limits).map(([name, limit]) => [name, limitOf(limit)])),
    outside: outside.map(({ toolset, file }) => ({ toolset, kind: "jsonl", file: resolve(project.dir, file) })),
  };
  const rules = await readRules(join(project.dir, FOLDER));
  return { watch, ...(Object.keys(rules).length > 0 && { rules }) };
}

/** Rules, limits and outside records that cannot mean anything under this policy. */
export function checkWatch(draft: Draft, source: PolicySource): Mistake[] {
  return [
    ...checkZone(draft, source),
    ...checkLimits(draft, source),
    ...checkOutside(draft, source),
    ...checkFiles(draft),
  ];
}

function limitOf({ window, sum, ...limit }: PolicyFile["watchdog"]["limits"][string]): CumulativeLimit {
  return { ...limit, windowMs: window, ...(sum !== undefined && { sum }) };
}

async function readRules(folder: string): Promise<Record<string, string>> {
  const names = await readdir(folder).catch((): string[] => []);
  const files = names.filter((name) => name.endsWith(".cedar")).sort();
  const texts = await Promise.all(
    files.map(async (name) => [name, await readFile(join(folder, name), "utf8")] as const),
  );
  return Object.fromEntries(texts);
}

function checkFiles(draft: Draft): Mistake[] {
  return parseRules(draft).mistakes.map(({ file, ...mistake }) => ({
    ...{ file: `${FOLDER}/${file}`, code: "rule.cedar" as const },
    ...mistake,
  }));
}

function checkZone({ watch }: Draft, source: PolicySource): Mistake[] {
  const zone = watch?.timeZone ?? "UTC";
  if (zone === "UTC" || Intl.supportedValuesOf("timeZone").includes(zone)) return [];
  const message = `There is no time zone "${zone}".`;
  return [source.mistake("time.zone", source.at(["watchdog", "timeZone"]), message, "For example Europe/Berlin.")];
}

function checkLimits({ watch, tools }: Draft, source: PolicySource): Mistake[] {
  return Object.entries(watch?.limits ?? {}).flatMap(([name, { tools: named, sum }]) =>
    named.flatMap((tool, index) => {
      const path = ["watchdog", "limits", name];
      const contract = tools[tool];
      if (contract === undefined) return [noTool(tool, [...path, "tools", index], Object.keys(tools), source)];
      if (sum === undefined || addsUp(contract, sum)) return [];
      const message = `"${tool}" has no argument "${sum}" that is an integer and always there.`;
      return [source.mistake("limit.sum", source.at([...path, "sum"]), message)];
    }),
  );
}

function noTool(tool: string, path: Path, tools: readonly string[], source: PolicySource): Mistake {
  const message = `No agent is given a tool "${tool}".`;
  return source.mistake("limit.tool", source.at(path), message, didYouMean(tool, tools));
}

function addsUp({ inputSchema }: ToolContract, sum: string): boolean {
  const { properties, required } = inputSchema as {
    readonly properties?: Record<string, { readonly type?: unknown }>;
    readonly required?: readonly string[];
  };
  const own = properties !== undefined && Object.hasOwn(properties, sum) && properties[sum]?.type === "integer";
  return own && required?.includes(sum) === true;
}

function checkOutside({ watch, toolsets }: Draft, source: PolicySource): Mistake[] {
  return (watch?.outside ?? []).flatMap(({ toolset }, index) => {
    if (Object.hasOwn(toolsets, toolset)) return [];
    const at = source.at(["watchdog", "outside", index, "toolset"]);
    const message = `There is no tool set "${toolset}".`;
    return [source.mistake("outside.toolset", at, message, didYouMean(toolset, Object.keys(toolsets)))];
  });
}
