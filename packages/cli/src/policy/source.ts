import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { type Document, isMap, isNode, isScalar, LineCounter, type Node, parseDocument } from "yaml";
import type { Mistake, MistakeCode, Place } from "./mistakes.ts";

/** A path into the file: keys and indexes. */
export type Path = readonly (string | number)[];

/** The text of `bulkhead.yaml` with the places of everything in it. */
export interface PolicySource {
  readonly value: unknown;
  /** The place of the value at `path`, or of the nearest thing around it that is there. */
  at(path: Path): Place;
  /** The place of the key that ends `path`. */
  atKey(path: Path): Place;
  mistake(code: MistakeCode, place: Place, message: string, suggestion?: string): Mistake;
}

/** What reading gave: a source, or what is wrong with the text. */
export type ReadResult = { readonly source: PolicySource } | { readonly mistakes: readonly Mistake[] };

/** Reads `bulkhead.yaml` with positions. Never throws for what is in the file. */
export async function readPolicyFile(path: string): Promise<ReadResult> {
  const file = basename(path);
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text === undefined) {
    const suggestion = "Make one with: npx bulkhead init DIR";
    return {
      mistakes: [{ file, line: 1, col: 1, code: "file.missing", message: "The file is not there.", suggestion }],
    };
  }
  return parsePolicyText(text, file);
}

/** Parses the text of a policy file. */
export function parsePolicyText(text: string, file = "bulkhead.yaml"): ReadResult {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, strict: true, uniqueKeys: true });
  const place = (offset: number): Place => ({ file, ...lines.linePos(offset) });
  if (document.errors.length > 0) {
    return {
      mistakes: document.errors.map(({ code, message, pos }) => ({
        ...place(pos[0]),
        code: code === "DUPLICATE_KEY" ? ("yaml.duplicate-key" as const) : ("yaml.syntax" as const),
        message: `${message.replace(/\.?$/, "")}.`,
      })),
    };
  }
  return { source: sourceOf(document, place) };
}

function sourceOf(document: Document, place: (offset: number) => Place): PolicySource {
  const startOf = (node: unknown): number => (isNode(node) ? (node.range?.[0] ?? 0) : 0);
  const at = (path: Path): Place => {
    for (let length = path.length; length > 0; length -= 1) {
      const node = document.getIn(path.slice(0, length), true);
      if (isNode(node)) return place(startOf(node));
    }
    return place(startOf(document.contents));
  };
  return {
    value: document.toJS({ maxAliasCount: 50 }) as unknown,
    at,
    atKey: (path) => {
      const key = keyNode(document, path);
      return key === undefined ? at(path) : place(startOf(key));
    },
    mistake: (code, { file, line, col }, message, suggestion) => ({
      ...{ file, line, col, code, message },
      ...(suggestion !== undefined && { suggestion }),
    }),
  };
}

function keyNode(document: Document, path: Path): Node | undefined {
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  if (!isMap(parent)) return undefined;
  const pair = parent.items.find(({ key }) => isScalar(key) && String(key.value) === String(path.at(-1)));
  return isNode(pair?.key) ? pair.key : undefined;
}
