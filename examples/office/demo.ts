import { parseArgs } from "node:util";
import { runOffice } from "./src/office.ts";
import { createScreen } from "./src/screen.ts";

const HELP = `Runs a small office on 44 real e-mails, reports, approves one mail and denies another.

  npm run demo
  npm run demo -- --keep    leaves everything running until Ctrl-C, and says how to look around
`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { keep: { type: "boolean", default: false }, help: { type: "boolean", short: "h" } },
  });
  if (values.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.once(name, () => {
      stop.abort();
    });
  // A terminal that is closed ends the demo as Ctrl-C does.
  process.stdout.on("error", () => {
    stop.abort();
  });
  const screen = createScreen(process.stdout);
  try {
    await runOffice({ screen, keep: values.keep, signal: stop.signal });
    return 0;
  } catch (error) {
    if (stop.signal.aborted) return 130;
    screen.settle();
    screen.say(`\n${screen.paint.red("The demo failed.")} ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}

process.exitCode = await main();
