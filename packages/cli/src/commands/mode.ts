import { Argument, type Command } from "commander";
import { changeControl } from "../control/change.ts";
import { modeOf, readControl } from "../control/read.ts";
import { RollCall } from "../control/roll-call.ts";
import { CliError, EXIT } from "../errors.ts";
import { agreed, awaitAll } from "./acknowledged.ts";
import { asOperator, type ClientContext, type ClientOptions, examples, withClientOptions } from "./shared.ts";

type Mode = "enforce" | "observe";
interface ModeOptions extends ClientOptions {
  readonly yes?: boolean;
}

/** `mode [observe|enforce]`: whether effects run, or everything is only decided and recorded. */
export function addMode(program: Command): void {
  const command = withClientOptions(program.command("mode"))
    .description("show the mode, or set it: in observe everything is decided and recorded, and no effect runs")
    .addArgument(new Argument("[mode]", "what to set").choices(["observe", "enforce"]))
    .option("-y, --yes", "do not ask again on a terminal")
    .action(mode);
  examples(command, "mode", "mode observe", "mode enforce --yes");
}

async function mode(wanted: Mode | undefined, options: ModeOptions): Promise<void> {
  await asOperator(options, async (context) => {
    if (wanted === undefined) await show(context);
    else await set(context, wanted, options.yes);
  });
}

async function show({ client, out }: ClientContext): Promise<void> {
  const found = modeOf(client, (await readControl(client))());
  out.give({ mode: found, policy: client.policy.policy.mode });
  out.say(found);
}

async function set(context: ClientContext, wanted: Mode, yes: boolean | undefined): Promise<void> {
  const { client, out } = context;
  if (wanted === "enforce" && client.policy.policy.mode === "observe")
    throw new CliError("The signed policy says observe: change `mode` in bulkhead.yaml and sign it.", EXIT.refused);
  const roll = new RollCall(client);
  await agreed(context, wanted === "enforce" ? "Let effects run?" : "Let no effect run from now on?", yes);
  const from = performance.now();
  const { revision } = await changeControl(client, "mode", () => ({ kind: "mode", mode: wanted }));
  out.say(out.paint.bold(`Mode ${wanted}`));
  await awaitAll(context, roll, { from, done: { mode: wanted }, obeys: (beat) => beat.revision >= revision, spare });
}

/** A host decides nothing and hears changes only. */
function spare(identity: string): boolean {
  return identity.startsWith("host-");
}
