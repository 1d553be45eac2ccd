import { isBulkheadError } from "@bulkhead/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import { LineCutter, RateLimit } from "./lines.ts";

const isFlood = (error: unknown) => isBulkheadError(error, "worker.flood");

test("lines come out as they went in, however the bytes are cut", () => {
  const line = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes.filter((byte) => byte !== 10)));
  fc.assert(
    fc.property(fc.array(line, { maxLength: 10 }), fc.array(fc.nat(60)), (lines, cuts) => {
      const bytes = Buffer.concat(lines.flatMap((one) => [one, Buffer.from("\n")]));
      const cutter = new LineCutter(64);
      const at = [0, ...cuts.sort((a, b) => a - b), bytes.length];
      const out = at.slice(1).flatMap((end, n) => [...cutter.push(bytes.subarray(at[n], end))]);
      expect(out).toEqual(lines);
    }),
  );
});

test("a line that is too long is refused before it has ended", () => {
  const cutter = new LineCutter(8);
  expect([...cutter.push(Buffer.from("12345678"))]).toEqual([]);
  expect(() => [...cutter.push(Buffer.from("9"))]).toThrow(expect.toSatisfy(isFlood));
});

test("a rate allows ten seconds' worth at once, and then its share", () => {
  let now = 0;
  const rate = new RateLimit(2, () => now);
  for (let n = 0; n < 20; n++) rate.spend();
  expect(() => {
    rate.spend();
  }).toThrow(expect.toSatisfy(isFlood));
  now = 1_000;
  rate.spend();
  rate.spend();
  expect(() => {
    rate.spend();
  }).toThrow(expect.toSatisfy(isFlood));
});
