import { newId } from "@bulkhead/core";
import { afterEach, beforeEach, expect, it } from "vitest";
import { eventually } from "../harness/eventually.ts";
import { startWorld, type World } from "./world.ts";

let world: World;
beforeEach(async () => {
  world = await startWorld();
  await eventually(async () => ((await world.ask("notes-write")).status === "done" ? true : undefined));
}, 60_000);
afterEach(() => world[Symbol.asyncDispose]());

it("S2, S4, TIER-03: a dead watchdog stops effects within seconds, not reads, and nothing is latched", async () => {
  await world.services.watchdog.kill();
  const code = await eventually(() =>
    world.ask("notes-write").then(
      () => undefined,
      (error: unknown) => ((error as { code: string }).code === "control.stale" ? "control.stale" : undefined),
    ),
  );
  expect(code).toBe("control.stale");
  expect(await world.ask("notes-read")).toMatchObject({ status: "done" });
  await world.constellation.start("watchdog");
  await eventually(async () => ((await world.ask("notes-write")).status === "done" ? true : undefined));
});

it("S10, PROP-04: an approval outlives the death of every service in between, and has one effect", async () => {
  const task = newId("t");
  const ask = () => world.ask("mail-send", { task });
  const reply = await ask();
  if (reply.status !== "pending" || reply.proposal === undefined) throw new Error(JSON.stringify(reply));
  const proposal = await world.proposal(reply.proposal);
  await Promise.all([world.services.proposals.kill(), world.services.gateway.kill(), world.services.watchdog.kill()]);
  await world.decide(world.ana, proposal, "approve");
  await Promise.all(["proposals", "gateway", "watchdog"].map((name) => world.constellation.start(name)));
  const done = await eventually(async () => {
    const again = await ask();
    return again.status === "pending" ? undefined : again;
  }, 25_000);
  expect(done).toMatchObject({ status: "done" });
  expect(world.executed.filter(({ action }) => action.task === task)).toHaveLength(1);
});
