import {
  type Constellation,
  keyFile,
  type OperatorClient,
  signProject,
  startConstellation,
  usesRehearsal,
} from "bulkhead";
import type { Program } from "./plain.ts";
import type { Screen } from "./screen.ts";

/** The office, running, with the two who give it work. */
export interface Running extends AsyncDisposable {
  readonly constellation: Constellation;
  /** A person with a key. */
  readonly operator: OperatorClient;
  /** A program that may publish, and nothing else. */
  readonly program: Program;
}

/** Signs the office's policy and starts NATS, the database and every service as a process of its own. */
export async function startOffice(
  dir: string,
  { screen, signal }: { screen: Screen; signal: AbortSignal },
): Promise<Running> {
  const began = Date.now();
  const report = (line: string): void => {
    screen.say(screen.paint.dim(`  ${line}`));
  };
  const restarted = (name: string): void => {
    report(`${name} ended unexpectedly, and is started again`);
  };
  const { policy } = (await signProject(dir)).loaded;
  report(
    usesRehearsal(policy)
      ? "agents run on a rehearsal model that obeys whatever it reads: the worst agent that there can be"
      : "agents run on the models that bulkhead.yaml names, which are sent what the agents read",
  );
  await using stack = new AsyncDisposableStack();
  const constellation = stack.use(await startConstellation({ dir, report, restarted, signal }));
  const operator = await constellation.operator("ana");
  screen.say(`  ${screen.paint.green("running")} after ${((Date.now() - began) / 1_000).toFixed(1)} s`);
  const moved = stack.move();
  return {
    constellation,
    operator,
    program: { url: constellation.busUrl, keyFile: keyFile(constellation.project, "client-web") },
    [Symbol.asyncDispose]: () => moved.disposeAsync(),
  };
}
