import { decideTwo } from "./decide.ts";
import { unmet } from "./expected.ts";
import { type OfficeMail, pickMails } from "./mails.ts";
import { publishPlain } from "./plain.ts";
import { headline, liveLines, reportLines } from "./report.ts";
import type { Screen } from "./screen.ts";
import { openPostOffice, type PostOffice } from "./smtp.ts";
import { newAccount, type Stage, setStage } from "./stage.ts";
import { type Running, startOffice } from "./start.ts";
import { isQuiet, type Sight, watchUntil } from "./watch.ts";
import { showWaysBack } from "./ways-back.ts";
import { inboxWork, MARKETING_WORK, type Work } from "./work.ts";

const WORK_MS = 180_000;
/** Batches that arrive as plain publishes, from the end. */
const PLAIN = 2;

/** How to run the office. */
export interface OfficeOptions {
  readonly screen: Screen;
  readonly keep: boolean;
  readonly signal: AbortSignal;
}

/** Runs the office from nothing to the report and two decisions. Throws, with the reason, when something did not happen that should have. */
export async function runOffice({ screen, keep, signal }: OfficeOptions): Promise<void> {
  const began = Date.now();
  screen.say(screen.paint.bold("Bulkhead: a small office, and real e-mails of 2002 (SpamAssassin corpus)"));
  screen.say(screen.paint.dim("  Mail leaves the house to an SMTP server on loopback.\n"));
  const mails = pickMails();
  const account = newAccount();
  await using office = await openPostOffice(account);
  const stage = await setStage(mails, { port: office.port, account });
  office.keepLog(stage.deliveries);
  const scene: Scene = { mails, office, stage, screen, signal, keep, began };
  try {
    await play(scene);
  } catch (error) {
    if (!signal.aborted) screen.say(screen.paint.dim(`\nWhat the services said: ${stage.dir}/.bulkhead/run/logs`));
    if (signal.aborted) await stage.remove();
    throw error;
  }
  await stage.remove();
}

interface Scene extends OfficeOptions {
  readonly mails: readonly OfficeMail[];
  readonly office: PostOffice;
  readonly stage: Stage;
  readonly began: number;
}

async function play({ mails, office, stage, screen, signal, keep, began }: Scene): Promise<void> {
  await using running = await startOffice(stage.dir, { screen, signal });
  const work = inboxWork(mails);
  await submit(running, work, screen);
  const sight = await watch(running, work.length + 1, { screen, signal, began });
  await report({ sight, stage, screen });
  await decide({ running, mails, office, sight, screen, signal });
  screen.say(paintedEnd(screen, began));
  if (keep) await untilStopped(running, sight, { screen, signal });
}

async function submit({ operator, program }: Running, work: readonly Work[], screen: Screen): Promise<void> {
  const signed = [MARKETING_WORK, ...work.slice(0, -PLAIN)];
  const plain = work.slice(-PLAIN);
  for (const { agent, task } of signed) await operator.submit(agent, task);
  await publishPlain(
    program,
    "inbox",
    plain.map(({ task }) => task),
  );
  screen.say(heading(screen, "Work"));
  screen.say(`  ${signed.length} tasks signed by ${operator.name}, as \`bulkhead task submit\` does`);
  screen.say(`  ${plain.length} tasks as plain NATS publishes to bh.task.submit.inbox: taken, and marked as untrusted`);
}

async function watch({ operator }: Running, submitted: number, stage: Watching): Promise<Sight> {
  const { screen, signal, began } = stage;
  const seconds = (): number => Math.round((Date.now() - began) / 1_000);
  const sight = await watchUntil(operator, (now, before) => isQuiet(now, before, submitted), {
    withinMs: WORK_MS,
    expected: `${submitted} tasks and those that they create are done, or wait for a person`,
    show: (now) => {
      screen.update(liveLines(now, seconds(), screen.paint), headline(now));
    },
    signal,
  });
  screen.settle();
  return sight;
}

interface Watching {
  readonly screen: Screen;
  readonly signal: AbortSignal;
  readonly began: number;
}

async function report({ sight, stage, screen }: { sight: Sight; stage: Stage; screen: Screen }): Promise<void> {
  for (const line of reportLines(sight, screen.paint)) screen.say(line);
  const missing = unmet(sight, (await stage.posts()).length);
  if (missing.length > 0) throw new Error(`This should be so, and is not: ${missing.join("; ")}.`);
}

interface Deciding {
  readonly mails: readonly OfficeMail[];
  readonly running: Running;
  readonly office: PostOffice;
  readonly sight: Sight;
  readonly screen: Screen;
  readonly signal: AbortSignal;
}

async function decide({ running, sight, screen, ...desk }: Deciding): Promise<void> {
  const { operator } = running;
  screen.say(heading(screen, `Two decisions, with the key of the demo's operator ${operator.name}`));
  const after = await decideTwo({ operator, screen, ...desk }, sight);
  screen.say(heading(screen, "Two ways back: what ran and is undone, and what was held"));
  await showWaysBack({ operator, screen, signal: desk.signal });
  screen.say(`  ${after.waiting.length} still wait. Nobody answering means no: they expire, denied.`);
}

async function untilStopped(
  { constellation }: Running,
  { tasks }: Sight,
  { screen, signal }: Pick<OfficeOptions, "screen" | "signal">,
): Promise<void> {
  const told = tasks.find(({ parent }) => parent !== undefined);
  screen.say(heading(screen, "Everything is still running. In another terminal:"));
  for (const hint of hintsFor(constellation.project.dir, told?.id)) screen.say(`  ${hint}`);
  screen.say("Ctrl-C stops it, and leaves nothing behind.");
  await new Promise<void>((resolve) => {
    signal.addEventListener("abort", () => {
      resolve();
    });
  });
}

function paintedEnd({ paint }: Screen, began: number): string {
  const end = `\n${paint.green("Done")} in ${Math.round((Date.now() - began) / 1_000)} s.`;
  return `${end} To look around yourself: ${paint.bold("npm run demo -- --keep")}`;
}

function heading({ paint }: Screen, text: string): string {
  return `\n${paint.bold(text)}`;
}

/** How to look further, as lines to copy. */
function hintsFor(dir: string, task = "TASK"): string[] {
  return [
    `cd ${process.cwd()}`,
    `npx bulkhead status --dir ${dir}`,
    `npx bulkhead proposals --dir ${dir}    (then approve ID, or deny ID --reason …)`,
    `npx bulkhead audit show ${task} --dir ${dir}    (the story of a task, a call or a proposal)`,
    `npx bulkhead audit tail --follow --dir ${dir}`,
  ];
}
