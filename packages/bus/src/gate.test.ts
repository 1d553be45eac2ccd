import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { createGate } from "./gate.ts";

test("jobs start in order, a bounded number at a time, and a full queue says so", async () => {
  const gate = createGate(2, 3);
  const started: number[] = [];
  let running = 0;
  let most = 0;
  const job = (id: number) => async (): Promise<void> => {
    started.push(id);
    most = Math.max(most, ++running);
    await sleep(5);
    running--;
  };
  const admitted = [1, 2, 3, 4, 5, 6, 7].map((id) => gate.admit(job(id)));
  expect(admitted).toEqual([true, true, true, true, true, false, false]);
  await gate.idle();
  expect([started, most, running]).toEqual([[1, 2, 3, 4, 5], 2, 0]);
  await gate.idle();
});
