import { expect, test } from "vitest";
import { slots } from "./slots.ts";

test("no more than the limit run at a time, in order, and a failure gives its place back", async () => {
  const enter = slots(2);
  const [order, gates] = [new Array<number>(), new Array<() => void>()];
  let [running, most] = [0, 0];
  const job = (n: number) =>
    enter(async () => {
      order.push(n);
      running += 1;
      most = Math.max(most, running);
      await new Promise<void>((resolve) => gates.push(resolve));
      running -= 1;
      if (n === 0) throw new Error("failed");
    });
  const all = Promise.allSettled([0, 1, 2, 3, 4].map(job));
  for (let opened = 0; opened < 5; opened += 1) {
    while (gates.length <= opened) await new Promise(setImmediate);
    gates[opened]?.();
  }
  await all;
  expect(most).toBe(2);
  expect(order).toEqual([0, 1, 2, 3, 4]);
});
