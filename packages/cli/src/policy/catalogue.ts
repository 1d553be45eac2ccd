import { join } from "node:path";
import { isBulkheadError } from "@bulkhead/core";
import type { JsonObject } from "@bulkhead/schemas";
import {
  CONNECTION_KINDS,
  connectionTools,
  operationOf,
  type Tool,
  type ToolPlace,
  toolContract,
} from "@bulkhead/tools";
import type { CustomTool } from "./custom-tools.ts";
import type { PolicyFile } from "./file.ts";
import { didYouMean, type Mistake } from "./mistakes.ts";
import type { Project } from "./project.ts";
import type { PolicySource } from "./source.ts";

/** A tool that agents could be given, and where it comes from. */
export interface Offer {
  readonly tool: Tool;
  readonly place: ToolPlace;
}

/** A connection as it goes into the policy. */
export interface Connection {
  readonly name: string;
  readonly kind: string;
  readonly settings: JsonObject;
  readonly toolset: string;
}

/** Everything that agents could be given. */
export interface Catalogue {
  readonly offers: ReadonlyMap<string, Offer>;
  readonly connections: readonly Connection[];
  readonly mistakes: readonly Mistake[];
}

/** The executor of everything that holds no credential. */
export const LOCAL = "local";
const OWN = "own";

/** The tools of all connections and of the user's own files. */
export function catalogueOf(
  project: Project,
  file: PolicyFile,
  custom: readonly CustomTool[],
  source: PolicySource,
): Catalogue {
  const offers = new Map<string, Offer>();
  const connections: Connection[] = [];
  const mistakes: Mistake[] = [];
  for (const [name, { kind, ...written }] of Object.entries(file.connections)) {
    const settings = absolute(written as JsonObject, project.dir);
    const found = toolsOf(name, kind, settings, source);
    mistakes.push(...found.mistakes);
    const toolset = found.tools.some((tool) => tool.credentials.length > 0) ? name : LOCAL;
    connections.push({ name, kind, settings, toolset });
    for (const tool of found.tools) {
      offers.set(tool.name, { tool, place: { connection: name, operation: operationOf(name, tool.name), toolset } });
    }
  }
  for (const { tool, bundle, source: from } of custom) {
    if (offers.has(tool.name)) mistakes.push(duplicate(tool.name, from));
    offers.set(tool.name, {
      tool,
      place: { connection: OWN, operation: tool.name, toolset: ownToolset(tool), bundle },
    });
  }
  return { offers, connections, mistakes };
}

/** The policy's contract of an offered tool. */
export function contractOf({ tool, place }: Offer): ReturnType<typeof toolContract> {
  return toolContract(tool, place);
}

/** The tool that undoes another: of the same connection and executor, with code behind it. Undefined = the tool cannot be undone. */
export function undoingOf({ tool, place }: Offer, { offers }: Pick<Catalogue, "offers">): Offer | undefined {
  const found = tool.rollback?.mode === "compensate" ? offers.get(tool.rollback.tool) : undefined;
  const together = found?.place.connection === place.connection && found.place.toolset === place.toolset;
  return together && found.tool.run !== undefined ? found : undefined;
}

/** Own tools that hold the same credentials share an executor. */
function ownToolset({ credentials }: Tool): string {
  return credentials.length === 0 ? LOCAL : [OWN, ...[...credentials].sort()].join("-").slice(0, 57);
}

function duplicate(name: string, file: string): Mistake {
  const message = `Another tool is called "${name}" already.`;
  return { file, line: 1, col: 1, code: "tool.duplicate", message, suggestion: "Give it another name." };
}

function toolsOf(
  name: string,
  kind: string,
  settings: JsonObject,
  source: PolicySource,
): { tools: readonly Tool[]; mistakes: Mistake[] } {
  const path = ["connections", name];
  const definition = CONNECTION_KINDS.get(kind);
  if (definition === undefined) {
    const suggestion = didYouMean(kind, [...CONNECTION_KINDS.keys()]);
    const mistake = source.mistake(
      "connection.kind",
      source.at([...path, "kind"]),
      `There is no kind of connection "${kind}".`,
      suggestion,
    );
    return { tools: [], mistakes: [mistake] };
  }
  const parsed = definition.settings.safeParse(settings);
  if (parsed.success) return { tools: safeTools(name, kind, settings), mistakes: [] };
  const mistakes = parsed.error.issues.map((issue) => {
    const keys = issue.code === "unrecognized_keys" ? issue.keys : [];
    const where = [...path, ...(issue.path as (string | number)[]), ...keys.slice(0, 1)];
    const place = keys.length > 0 ? source.atKey(where) : source.at(where);
    return source.mistake(
      "connection.settings",
      place,
      `Connection "${name}": ${where.slice(2).join(".")}: ${issue.message}.`,
    );
  });
  return { tools: [], mistakes };
}

function safeTools(name: string, kind: string, settings: JsonObject): readonly Tool[] {
  try {
    return connectionTools({ name, kind, settings });
  } catch (error) {
    if (isBulkheadError(error)) return [];
    throw error;
  }
}

const PATH_KEYS = new Set(["path", "root", "file"]);

/** Paths in the file are relative to it; executors get them absolute. */
function absolute(settings: JsonObject, dir: string): JsonObject {
  const entries = Object.entries(settings).map(([key, value]) => {
    if (typeof value === "string")
      return [key, PATH_KEYS.has(key) ? join(value.startsWith("/") ? "/" : dir, value) : value];
    const nested = typeof value === "object" && value !== null && !Array.isArray(value);
    return [key, nested ? absolute(value, dir) : value];
  });
  return Object.fromEntries(entries) as JsonObject;
}
