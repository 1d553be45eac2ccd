import { countByTool } from "./tally.ts";
import type { Sight } from "./watch.ts";

/** At least this many real mails have to be worked through. */
export const MAILS_EXPECTED = 40;

/** What should have happened and did not, one sentence each; empty when all is well. Everything is read from the records. */
export function unmet(sight: Sight, posts: number): string[] {
  const { tasks, waiting, spend, run } = sight;
  const ran = (tier: "AUTO" | "AUTO+", tool: string): number => new Map(countByTool(run, tier, "ran")).get(tool) ?? 0;
  const refused = new Map(countByTool(run, "BLOCK", "refused")).get("payments-transfer") ?? 0;
  const sends = waiting.filter(({ action }) => action.tool === "mail-send");
  const broken = tasks.filter(({ state }) => state === "failed" || state === "dead");
  const checks: [boolean, string][] = [
    [
      broken.length === 0,
      `no task fails; ${broken.map(({ id, code }) => `${id} did (${code ?? "no code"})`).join(", ")}`,
    ],
    [ran("AUTO", "mail-read") >= MAILS_EXPECTED, `${MAILS_EXPECTED} mails are read; ${ran("AUTO", "mail-read")} were`],
    [ran("AUTO+", "mail-label") >= MAILS_EXPECTED, `${MAILS_EXPECTED} mails are labelled`],
    [ran("AUTO+", "mail-move") >= MAILS_EXPECTED, `${MAILS_EXPECTED} mails are filed`],
    [tasks.some((task) => task.trusted), "a task arrives signed"],
    [tasks.some((task) => !task.trusted && task.parent === undefined), "a task arrives as a plain publish"],
    [tasks.some((task) => task.agent === "finance" && task.parent !== undefined), "inbox hands something to finance"],
    [ran("AUTO+", "books-create") > 0, "finance records an invoice"],
    [refused > 0, "a transfer is asked for, and blocked"],
    [posts > 0, "marketing posts to the channel"],
    [sends.length >= 2, `two mails wait for a person to send them; ${sends.length} do`],
    [
      spend.spentMicros > 0 && spend.spentMicros + spend.reservedMicros <= spend.capMicros,
      "spend stays within its cap",
    ],
  ];
  return checks.filter(([met]) => !met).map(([, sentence]) => sentence);
}
