/** The bare operations that the approved path is compared with, on the same servers in the same run. */
import { newId } from "@bulkhead/core";
import type { TestRuntime } from "../test/harness/runtime.ts";
import { database } from "./bare.ts";
import { type Latencies, latencies } from "./measure.ts";

const BARE = { operations: 150, warmUp: 10, durationMs: 6_000 };

/** A publish into a file stream with its acknowledgement, and three journaled updates one after the other. */
export async function bareFigures(rt: TestRuntime, stack: AsyncDisposableStack) {
  const labels = (await rt.as("tasks")).bucket("labels");
  const records = (await database(rt, stack)).collection<{ _id: string }>("records");
  const _id = newId("r");
  const state = {
    kind: "invoice",
    state: "open",
    fields: {},
    version: 1,
    by: "t-bench.0.0",
    createdAt: 1,
    updatedAt: 1,
  };
  await records.insertOne({ _id, ...state });
  let count = 1;
  const update = (): Promise<unknown> => records.updateOne({ _id }, { $set: { updatedAt: ++count } });
  return {
    publish: await bare(() => labels.put(`${newId("t")}.A`, Buffer.from("{}"), 0)),
    threeUpdates: await bare(async () => {
      for (let i = 0; i < 3; i++) await update();
    }),
  };
}

async function bare(operation: () => Promise<unknown>): Promise<Latencies> {
  const values: number[] = [];
  const deadline = performance.now() + BARE.durationMs;
  for (let i = 0; i < BARE.operations && performance.now() < deadline; i++) {
    const before = performance.now();
    await operation();
    if (i >= BARE.warmUp) values.push(performance.now() - before);
  }
  return latencies(values);
}
