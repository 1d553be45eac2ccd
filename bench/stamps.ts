/** The tool that the benchmark has approved, and what it leaves behind. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { COMPANY_YAML } from "../test/harness/company.ts";

/** A tool of the user's own that a person must approve. It appends its call's id and the machine's clock to a file. */
const STAMP = `import { appendFileSync } from "node:fs";
import { hrtime } from "node:process";
import { defineTool } from "@bulkhead/sdk";
import { z } from "zod";
export default defineTool({
  name: "stamp", description: "Stamps a word.", effects: ["state"], reads: [],
  input: z.strictObject({ word: z.string().max(60) }),
  run: ({ word }, { callId }) => {
    appendFileSync("MARKS", callId + " " + String(hrtime.bigint()) + "\\n");
    return { stamped: word };
  },
});
`;

/** The test's company with `stamp`, and room for many who wait. */
export const DESK = {
  yaml: COMPANY_YAML.replace("mark: AUTO+", "mark: AUTO+\n      stamp: CONFIRM").replace(
    "onTimeout: deny",
    "onTimeout: deny, maxPending: 10000",
  ),
  tools: { stamp: STAMP },
};

/** The stamps in a file by call id (ms of the machine's clock). It is read again only when it has grown. */
export function stampsIn(file: string): () => ReadonlyMap<string, readonly number[]> {
  let [size, known] = [-1, new Map<string, number[]>()];
  return () => {
    const now = existsSync(file) ? statSync(file).size : 0;
    if (now === size) return known;
    [size, known] = [now, new Map<string, number[]>()];
    for (const line of now === 0 ? [] : readFileSync(file, "utf8").split("\n")) {
      const [callId = "", at = ""] = line.split(" ");
      if (at !== "") known.set(callId, [...(known.get(callId) ?? []), Number(at) / 1e6]);
    }
    return known;
  };
}
