import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { signProject, startConstellation } from "bulkhead";
import { expect } from "vitest";
import { company } from "../harness/company.ts";
import { startMortalGround } from "../harness/mortal-ground.ts";
import { eventually } from "../harness/runtime.ts";
import { verifies } from "../verifies.ts";
import { bulkhead, told } from "./cli.ts";

verifies(
  ["TIER-09", "S10"],
  "with every service down a stop needs nothing but the bus, and reports that nobody obeys; it holds for all who start, and after kill -9 of everything",
  async () => {
    await using stack = new AsyncDisposableStack();
    const project = stack.use(await company());
    await signProject(project.dir);
    const mortal = await startMortalGround(project.dir);
    if (mortal === undefined) return;
    stack.use(mortal);
    const { ground } = mortal;
    const boot = () => startConstellation({ dir: project.dir, ground });
    const marks = async () => {
      const file = join(project.dir, "marks.txt");
      return existsSync(file) ? (await readFile(file, "utf8")).trim().split("\n") : [];
    };

    await (await boot()).stop();
    const env = { NATS_URL: ground.nats.kind === "url" ? ground.nats.url : "" };
    const { code, stop, acknowledged, missing } = await told(project.dir, ["stop", "--yes"], env);
    expect([code, acknowledged]).toEqual([1, []]);
    expect(missing.map(({ identity }) => identity)).toEqual(
      expect.arrayContaining(["gateway", "watchdog", "host-inbox"]),
    );

    const running = stack.use(await boot());
    const ana = await running.operator("ana");
    const { task } = await ana.submit("inbox", { title: "A task", text: "Mark the word held with mark." });
    const stateOf = async () => (await ana.ask({ kind: "tasks.show", task })).task.state;
    const queued = () => eventually(async () => ((await stateOf()) === "queued" ? true : undefined));
    await queued();
    await sleep(2_000);
    expect([await stateOf(), await marks()]).toEqual(["queued", []]);

    for (const service of running.services) process.kill(service.pid() ?? 0, "SIGKILL");
    await Promise.all([mortal.killBus(), mortal.killDatabase()]);
    await eventually(async () => (running.services.every((one) => one.restarts() > 0) ? await stateOf() : undefined), {
      what: "everything to be back",
      withinMs: 60_000,
    });
    await sleep(2_500);
    expect([await stateOf(), await marks()]).toEqual(["queued", []]);
    const status = JSON.parse((await bulkhead(project.dir, ["status", "--json"])).out) as { stops: { id: string }[] };
    expect(status.stops.map(({ id }) => id)).toEqual([stop.id]);

    await bulkhead(project.dir, ["resume", stop.id, "--yes"]);
    await eventually(async () => ((await stateOf()) === "done" ? true : undefined), { withinMs: 60_000 });
    expect(await marks()).toHaveLength(1);
  },
  180_000,
);
