import { existsSync } from "node:fs";
import { open } from "node:fs/promises";
import { z } from "zod";
import type { OutsideEntry, OutsideRecord } from "./record.ts";

const Line = z.object({ effect: z.string().max(63).optional(), at: z.int().min(0) });

/**
 * A file to which somebody appends one JSON object a line: `effect`, the id that the effect carried (for a mail its header
 * `X-Bulkhead-Effect`), and `at`, epoch milliseconds. Only what was added is read; where there is no file yet, nothing was written down. A line that cannot be read names no effect.
 */
export function jsonlRecord({ toolset, file }: { readonly toolset: string; readonly file: string }): OutsideRecord {
  let entries: OutsideEntry[] = [];
  let [offset, rest] = [0, ""];
  return {
    toolset,
    since: async (at) => {
      const added = await readFrom(file, offset);
      if (added.restarted) [entries, rest] = [[], ""];
      const begin = added.restarted ? 0 : offset;
      offset = begin + added.bytes.length;
      const lines = (rest + added.bytes.toString("utf8")).split("\n");
      rest = lines.pop() ?? "";
      entries.push(
        ...lines.filter((line) => line.trim() !== "").map((line, index) => entryOf(line, `${begin}.${index}`)),
      );
      entries = entries.filter((entry) => entry.at >= at);
      return entries;
    },
  };
}

async function readFrom(
  file: string,
  offset: number,
): Promise<{ readonly bytes: Buffer; readonly restarted: boolean }> {
  if (!existsSync(file)) return { bytes: Buffer.alloc(0), restarted: offset > 0 };
  await using handle = await open(file, "r");
  const { size } = await handle.stat();
  const restarted = size < offset;
  const start = restarted ? 0 : offset;
  const bytes = Buffer.alloc(size - start);
  const { bytesRead } = await handle.read(bytes, 0, bytes.length, start);
  return { bytes: bytes.subarray(0, bytesRead), restarted };
}

function entryOf(line: string, place: string): OutsideEntry {
  try {
    const { effect, at } = Line.parse(JSON.parse(line));
    return { effect, at, place };
  } catch {
    return { effect: undefined, at: Date.now(), place };
  }
}
