/**
 * What a person's approval costs and how well it holds: the approved path, a stop of 50 agents, windows that close at once, and kill -9
 * of every service under load. JSON on standard output, progress on standard error.
 * `--only approve,stop,timers,recovery`, `--seconds N` of killing, `--agents N` to stop, `--windows N` to close.
 */
import { parseArgs } from "node:util";
import { measurePath } from "./path.ts";
import { measureRecovery } from "./recovery.ts";
import { measureStop } from "./stop.ts";
import { measureTimers } from "./timers.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "approve,stop,timers,recovery" },
    seconds: { type: "string", default: "60" },
    agents: { type: "string", default: "50" },
    windows: { type: "string", default: "1000" },
  },
});
const say = (line: string): void => void process.stderr.write(`[bench] ${line}\n`);
const parts: Readonly<Record<string, () => Promise<object>>> = {
  approve: () => measurePath(say),
  stop: () => measureStop(say, Number(values.agents)),
  timers: () => measureTimers(say, Number(values.windows)),
  recovery: () => measureRecovery(say, Number(values.seconds)),
};

const results: Record<string, unknown> = {};
for (const name of values.only.split(",")) {
  const part = parts[name];
  if (part === undefined) throw new Error(`no part ${name}: ${Object.keys(parts).join(", ")}`);
  say(name);
  try {
    Object.assign(results, await part());
  } catch (error) {
    say(`${name} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    process.exitCode = 1;
  }
}
console.log(JSON.stringify(results, null, 2));
