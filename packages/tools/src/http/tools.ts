import { normaliseText } from "@bulkhead/content";
import { z } from "zod";
import { defineConnection } from "../connection.ts";
import { defineTool, type Tool } from "../define.ts";
import { role } from "../role.ts";

const Settings = z.strictObject({
  /** Origins that may be read. An internal address only if it is named literally here. */
  allow: z
    .array(z.url({ protocol: /^https?$/ }))
    .min(1)
    .max(32),
  maxBytes: z.int().min(1).max(400_000).default(200_000),
});

/**
 * Reads pages of listed sites. The agent chooses the URL, so it can carry data away: effect `out`, whatever the method.
 */
export const httpConnection = defineConnection({
  kind: "http",
  settings: Settings,
  tools: (name, s) => [get(name, s)],
});

function get(connection: string, { allow, maxBytes }: z.output<typeof Settings>): Tool {
  return defineTool({
    name: `${connection}-get`,
    description: `Reads a web page or API answer (GET). Allowed sites: ${allow.join(", ")}.`,
    sentence: "Ask for the page {url}",
    effects: ["out"],
    reads: ["A"],
    egress: allow,
    input: z.strictObject({ url: role("url", z.url({ protocol: /^https?$/ }).max(2_000)) }),
    run: async ({ url }, { http }) => {
      const answer = await http.get(url, { maxBytes, headers: { accept: "text/*, application/json" } });
      return { status: answer.status, type: answer.headers["content-type"] ?? "", text: normaliseText(answer.text) };
    },
    readBack: () => "unknown",
  });
}
