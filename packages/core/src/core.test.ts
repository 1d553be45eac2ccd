import { chmod, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  asBulkheadError,
  BulkheadError,
  digest,
  digestBytes,
  digestText,
  ERROR_CODES,
  escapeControl,
  fromWire,
  generateIdentity,
  idSource,
  isBulkheadError,
  isToken,
  manualClock,
  newId,
  readIdentity,
  sameDigest,
  toWire,
  writeIdentity,
} from "./index.ts";

describe("errors", () => {
  it("carries code, disposition and cause", () => {
    const error = new BulkheadError("control.stale", undefined, { cause: "x" });
    expect(error).toMatchObject({ code: "control.stale", disposition: "retry", cause: "x" });
    expect(isBulkheadError(error, "tier.block", "control.stale")).toBe(true);
    expect(isBulkheadError(error, "tier.block")).toBe(false);
    expect(asBulkheadError(error)).toBe(error);
  });

  it("lets nothing but code and text out", () => {
    const secret = new Error("password=hunter2");
    expect(toWire(secret)).toEqual({ code: "internal", message: ERROR_CODES.internal.text });
    expect(JSON.stringify(toWire(asBulkheadError(secret, "store.unavailable")))).not.toContain("hunter2");
    expect(toWire(new BulkheadError("args.invalid", "\x1b[2J")).message).toContain("\\x1b");
  });

  it("survives the wire, and never believes an unknown code", () => {
    const error = new BulkheadError("args.invalid", "to: expected an address");
    expect(toWire(fromWire(toWire(error)))).toEqual(toWire(error));
    for (const wire of [null, 1, {}, { code: "toString" }, { code: "made.up" }])
      expect(fromWire(wire).code).toBe("internal");
  });

  it("has a plain sentence for every code", () => {
    for (const [code, { text }] of Object.entries(ERROR_CODES)) {
      expect(code).toMatch(/^[a-z][a-z0-9-]*(\.[a-z0-9-]+)*$/);
      expect(text).toMatch(/^[A-Z].*\.$/);
    }
  });
});

describe("digests", () => {
  it("separates domains and ignores key order", () => {
    expect(digest("action", { a: 1, b: 2 })).toBe(digest("action", { b: 2, a: 1 }));
    expect(digest("action", { a: 1 })).not.toBe(digest("proposal", { a: 1 }));
    expect(digest("x", "a")).toBe(digestBytes("x", '"a"'));
    expect(digestText.safeParse(digest("x", 1)).success).toBe(true);
  });

  it("is a fixed vector", () => {
    expect(digest("action", { b: [1, "ü"], a: null })).toBe(
      "sha256:a4ab487277d4c0879e19079c11fd2d1fd8492c4ba2e3b36d6924a8187d75a668",
    );
  });

  it("compares", () => {
    expect(sameDigest(digest("x", 1), digest("x", 1))).toBe(true);
    expect(sameDigest(digest("x", 1), digest("x", 2))).toBe(false);
    expect(sameDigest(digest("x", 1), "sha256:")).toBe(false);
  });
});

describe("ids and clocks", () => {
  it("makes tokens that sort by time", () => {
    const clock = manualClock();
    const ids = idSource(clock);
    const first = ids("t");
    clock.advance(1);
    expect(isToken(first) && first < ids("t")).toBe(true);
    expect(new Set(Array.from({ length: 5000 }, () => newId("c"))).size).toBe(5000);
    expect(newId("c")).toMatch(/^c-[0-9a-z]{26}$/);
  });

  it("INJ-10: knows a token", () => {
    for (const bad of ["", "-a", "A", "a.b", "a b", "*", ">", "a".repeat(64), "ä", 1, "a\n"])
      expect(isToken(bad)).toBe(false);
    for (const good of ["a", "0", "mail-read", "a".repeat(63)]) expect(isToken(good)).toBe(true);
  });

  it("jumps the wall clock alone", () => {
    const clock = manualClock(1000);
    clock.jumpTo(0);
    clock.advance(5);
    expect([clock.now(), clock.monotonic()]).toEqual([5, 5]);
  });
});

describe("escapeControl (INJ-18)", () => {
  it("INJ-18: makes the invisible visible", () => {
    expect(escapeControl("a\x1b]8;;x\x07\r\n\u202eb\u200b\u{e0041}\ufeff")).toBe(
      "a\\x1b]8;;x\\x07\\x0d\\x0a\\u202eb\\u200b\\u{e0041}\\ufeff",
    );
    expect(escapeControl("a\tb\nc\r", { multiline: true })).toBe("a\tb\nc\\x0d");
    expect(escapeControl("Grüße, 日本 ✓ 😀")).toBe("Grüße, 日本 ✓ 😀");
    expect(escapeControl("\ud800")).toBe("\\ud800");
  });
});

describe("identity files", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "bulkhead-core-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it("are written for their owner alone and refused otherwise", async () => {
    const file = join(folder, "gateway.json");
    const identity = generateIdentity("gateway", `SU${"A".repeat(56)}`);
    await writeIdentity(file, identity);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readIdentity(file)).toEqual(identity);
    await expect(writeIdentity(file, identity)).rejects.toThrow();
    await chmod(file, 0o640);
    await expect(readIdentity(file)).rejects.toThrow(`chmod 600 ${file}`);
    await expect(readIdentity(join(folder, "none.json"))).rejects.toMatchObject({ code: "credential.missing" });
  });
});
