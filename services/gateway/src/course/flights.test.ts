import { BulkheadError, manualClock } from "@bulkhead/core";
import type { CallReply } from "@bulkhead/schemas";
import { describe, expect, it } from "vitest";
import { flights } from "./flights.ts";

const refused: CallReply = { status: "refused", code: "tier.block", message: "" };

describe("flights", () => {
  it("runs a call that is asked again once, and gives both the same answer", async () => {
    const air = flights(manualClock());
    const { promise, resolve } = Promise.withResolvers<CallReply>();
    let runs = 0;
    const ask = () => air.join("a", () => ((runs += 1), promise));
    const answers = [ask(), ask()];
    resolve(refused);
    expect(await Promise.all([...answers, ask()])).toEqual([refused, refused, refused]);
    expect(runs).toBe(1);
  });

  it("answers pending in time, and with the outcome later", async () => {
    const air = flights(manualClock(), 5);
    const { promise, resolve } = Promise.withResolvers<CallReply>();
    expect(await air.join("a", () => promise)).toEqual({ status: "pending" });
    resolve(refused);
    expect(await air.join("a", () => Promise.reject(new Error("not run again")))).toEqual(refused);
  });

  it("keeps no answer for longer because an earlier call is slow", async () => {
    const clock = manualClock();
    const air = flights(clock, 5);
    const { promise, resolve } = Promise.withResolvers<CallReply>();
    await air.join("slow", () => promise);
    let runs = 0;
    const ask = () => air.join("fast", () => ((runs += 1), Promise.resolve(refused)));
    await ask();
    clock.advance(10_000);
    await ask();
    expect(runs).toBe(2);
    resolve(refused);
  });

  it("keeps neither errors nor pending answers nor old ones", async () => {
    const clock = manualClock();
    const air = flights(clock);
    await expect(air.join("a", () => Promise.reject(new BulkheadError("control.stale")))).rejects.toThrow();
    expect(await air.join("a", () => Promise.resolve({ status: "pending" }))).toEqual({ status: "pending" });
    expect(await air.join("a", () => Promise.resolve(refused))).toEqual(refused);
    clock.advance(10_000);
    expect(await air.join("a", () => Promise.resolve({ status: "unknown", code: "x" }))).toMatchObject({
      status: "unknown",
    });
  });
});
