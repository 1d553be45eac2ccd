import type { ContentRequest } from "@bulkhead/schemas";
import { expect, test } from "vitest";
import { pieceOf } from "./piece.ts";

const put = {
  kind: "put",
  task: "t-1",
  about: "result",
  text: "text",
  labels: [],
  provenance: { origin: "tool", at: 1 },
} as const satisfies ContentRequest;

const refOf = (issuer: string, id: string, at: number) => pieceOf(put, { issuer, id, at }, 5, 1_000)._id;

test("S10: a request that arrives twice is one piece; another issuer, id or time is another", () => {
  const ref = refOf("exec-mail", "m-1", 1_000);
  expect(ref).toMatch(/^c-[0-9a-z]{26}$/);
  expect(refOf("exec-mail", "m-1", 1_000)).toBe(ref);
  const others = [refOf("exec-web", "m-1", 1_000), refOf("exec-mail", "m-2", 1_000), refOf("exec-mail", "m-1", 1_001)];
  expect(new Set([ref, ...others]).size).toBe(4);
});

test("GD-06: a piece lives as long as it asks for, but no longer than the policy's retention", () => {
  const life = (ttlMs?: number) =>
    pieceOf(
      { ...put, ...(ttlMs !== undefined && { ttlMs }) },
      { issuer: "tasks", id: "m", at: 1 },
      5,
      1_000,
    ).expires.getTime() - 5;
  expect([life(), life(10), life(9_999)]).toEqual([1_000, 10, 1_000]);
});
