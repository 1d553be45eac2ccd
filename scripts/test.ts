// Runs the whole test suite; its last line is `N passed, N failed`. Arguments go to vitest.
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { type Ground, resolveGround } from "bulkhead";

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly { readonly status: string; readonly assertionResults: readonly unknown[] }[];
}

const root = join(import.meta.dirname, "..");

/** Tests that start servers themselves find them on PATH, behind whatever is there already. */
function environment({ nats, database }: Ground): NodeJS.ProcessEnv {
  const folders = [nats, database].flatMap((found) => (found.kind === "url" ? [] : [dirname(found.program)]));
  return { ...process.env, PATH: [process.env["PATH"], ...folders].join(delimiter) };
}

async function runVitest(outputFile: string, env: NodeJS.ProcessEnv): Promise<number> {
  const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${outputFile}`];
  const child = spawn(process.execPath, [vitest, "run", ...reporters, ...process.argv.slice(2)], {
    cwd: root,
    env,
    stdio: ["ignore", "inherit", "inherit"],
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => {
      child.kill(signal);
    });
  return await new Promise((resolve) => {
    child.on("error", () => {
      resolve(127);
    });
    child.on("exit", (code) => {
      resolve(code ?? 130);
    });
  });
}

/** A file that failed before its tests began counts as one failure; so does an error outside of any test. */
function countFailed(report: Report | undefined, exitCode: number): number {
  const brokenFiles = report?.testResults.filter(
    ({ status, assertionResults }) => status === "failed" && assertionResults.length === 0,
  );
  const failed = (report?.numFailedTests ?? 0) + (brokenFiles?.length ?? 0);
  return failed === 0 && exitCode !== 0 ? 1 : failed;
}

const folder = await mkdtemp(join(tmpdir(), "bulkhead-test-"));
try {
  const ground = await resolveGround({ report: (line) => process.stderr.write(`[setup] ${line}\n`) });
  const outputFile = join(folder, "report.json");
  const exitCode = await runVitest(outputFile, environment(ground));
  const report = await readFile(outputFile, "utf8").then(
    (text) => JSON.parse(text) as Report,
    () => undefined,
  );
  const failed = countFailed(report, exitCode);
  process.stdout.write(`${report?.numPassedTests ?? 0} passed, ${failed} failed\n`);
  process.exitCode = failed === 0 ? 0 : 1;
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.stdout.write("0 passed, 1 failed\n");
  process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
