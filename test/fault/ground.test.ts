import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { COMPANY_YAML } from "../harness/company.ts";
import { startMortalGround } from "../harness/mortal-ground.ts";
import { eventually, startRuntime } from "../harness/runtime.ts";
import { verifies } from "../verifies.ts";

const ENOUGH_MS = 90_000;

verifies(
  ["S10", "AUD-11"],
  "kill -9 of the bus and of the database while tasks run loses nothing that was acknowledged",
  async () => {
    await using stack = new AsyncDisposableStack();
    let mortal: Awaited<ReturnType<typeof startMortalGround>>;
    const ground = async (dir: string) => {
      mortal = await startMortalGround(dir);
      if (mortal) stack.use(mortal);
      return mortal?.ground;
    };
    const rt = stack.use(
      await startRuntime({ ground, yaml: COMPANY_YAML.replace("concurrency: 2", "concurrency: 8") }),
    );
    const tasks: string[] = [];
    const submitSome = async (word: string): Promise<void> => {
      for (let n = 0; n < 4; n++)
        tasks.push(
          (await rt.ana.submit("inbox", { title: "A task", text: `Mark the word ${word}${n} with mark.` })).task,
        );
    };
    await submitSome("bus");
    await mortal?.killBus();
    await eventually(() => submitSome("data").then(() => true), { what: "the bus to take tasks again" });
    await mortal?.killDatabase();
    for (const task of tasks) {
      const isDone = async () => (await rt.ana.ask({ kind: "tasks.show", task })).task.state === "done" || undefined;
      await eventually(isDone, { what: `${task} to be done`, withinMs: ENOUGH_MS });
    }
    const file = join(rt.dir, "marks.txt");
    const marks = existsSync(file) ? (await readFile(file, "utf8")).trim().split("\n") : [];
    for (const task of tasks) {
      const own = marks.filter((line) => line.startsWith(`${task}.`));
      expect(own.length).toBeLessThanOrEqual(1);
      const events = (await rt.entries(task)).map(({ event }) => event);
      if (own.length === 0) expect(events).toContain("effect.unknown");
    }
    const verified = await eventually(() => rt.ana.ask({ kind: "ledger.verify" }), {
      what: "the chain to be verified",
    });
    expect(verified.ok).toBe(true);
  },
  ENOUGH_MS + 90_000,
);
