import type { ServiceBeat } from "@bulkhead/schemas";
import { readControl } from "../control/read.ts";
import type { RollCall } from "../control/roll-call.ts";
import { CliError, EXIT } from "../errors.ts";
import { confirm } from "../output/ask.ts";
import { describeAnswer, describeResult } from "../output/roll-call.ts";
import type { ClientContext } from "./shared.ts";

/** So long is waited for acknowledgements. */
const WITHIN_MS = 5_000;
/** An older list of instances says nothing about who runs. */
const LIST_MS = 60_000;

/** A change that was written, and when it counts as obeyed. */
export interface Done {
  /** `performance.now()` before it was written. */
  readonly from: number;
  /** What to tell of it with `--json`. */
  readonly done: object;
  readonly obeys: (beat: ServiceBeat, identity: string) => boolean;
  readonly spare?: (identity: string) => boolean;
}

/** Asks once on a terminal, unless `--yes` was given. @throws CliError if the answer is no */
export async function agreed({ out }: ClientContext, question: string, yes: boolean | undefined): Promise<void> {
  if (yes !== true && out.interactive && !(await confirm(question)))
    throw new CliError("Nothing was changed.", EXIT.refused);
}

/** Shows who obeys as it comes, and loudly who does not: then the exit code says so, too. */
export async function awaitAll({ client, out }: ClientContext, roll: RollCall, change: Done): Promise<void> {
  const { from, done, ...awaited } = change;
  const view = await readControl(client);
  const { at = 0, instances = [] } = view().get("watchdog", "beat") ?? {};
  const result = await roll.answers(from, {
    ...awaited,
    instances: Date.now() - at < LIST_MS ? instances : [],
    withinMs: WITHIN_MS,
    onAnswer: (answer) => {
      out.say(describeAnswer(answer, out.paint));
    },
  });
  out.give({ ...done, ...result, withinMs: WITHIN_MS });
  out.say(describeResult(result, WITHIN_MS, out.paint));
  if (result.missing.length > 0) process.exitCode = EXIT.failed;
}
