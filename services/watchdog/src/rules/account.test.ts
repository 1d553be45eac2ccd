import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { dropUnused, enter, markRan, usedBefore } from "./account.ts";

const cap = { max: 500, windowMs: 1_000, forced: false };
const claim = (callId: string, change: object = {}) => ({ callId, amount: 99, at: 10_000, until: 11_000, ...change });
const entered = (taken: Parameters<typeof enter>[0], ...rest: [object, object?]) =>
  enter(taken, rest[0] as ReturnType<typeof claim>, { ...cap, ...rest[1] });

describe("an account", () => {
  test("TIER-06: never holds more than its limit, whoever asks in which order, and a call id once", () => {
    const asks = fc.array(
      fc.record({
        callId: fc.constantFrom("t.0.0", "t.1.0", "t.2.0", "t.3.0", "t.4.0"),
        amount: fc.nat(300),
        at: fc.nat(3_000),
      }),
    );
    fc.assert(
      fc.property(asks, (all) => {
        let taken: Parameters<typeof enter>[0] = [];
        for (const ask of all.sort((a, b) => a.at - b.at)) {
          const next = enter(taken, ask, cap);
          if (next.kind === "entered") taken = next.taken;
          expect(usedBefore(taken, "none", ask.at, cap.windowMs)).toBeLessThanOrEqual(cap.max);
          expect(new Set(taken.map(({ callId }) => callId)).size).toBe(taken.length);
        }
      }),
    );
  });

  test("TIER-06: what a person approved counts beyond the limit, and the next one is over", () => {
    const first = entered([], claim("t.0.0", { amount: 501 }), { forced: true });
    expect(first.kind).toBe("entered");
    const taken = first.kind === "entered" ? first.taken : [];
    expect(entered(taken, claim("t.1.0", { amount: 0 })).kind).toBe("over");
    expect(entered(taken, claim("t.0.0")).kind).toBe("known");
  });

  test("TIER-06: the window moves: what is older counts no more", () => {
    const taken = [claim("t.0.0", { amount: 500 })];
    expect(entered(taken, claim("t.1.0", { at: 10_999 })).kind).toBe("over");
    expect(entered(taken, claim("t.1.0", { at: 11_000 }))).toMatchObject({ taken: [{ callId: "t.1.0" }] });
  });
});

describe("what is given back", () => {
  const taken = [claim("t.0.0"), claim("t.1.0"), { ...claim("t.2.0"), until: undefined as never }];
  test("a call without a recorded intent, once every intent before its signature's end is known", () => {
    const known = markRan(taken, "t.1.0") ?? [];
    expect(markRan(known, "t.1.0")).toBeUndefined();
    expect(dropUnused(known, 11_000)).toBeUndefined();
    expect(dropUnused(known, 11_001)?.map(({ callId }) => callId)).toEqual(["t.1.0", "t.2.0"]);
  });

  test("a newer signature is waited for, too", () => {
    const renewed = entered(taken, claim("t.0.0", { until: 20_000 }));
    expect(renewed).toMatchObject({ taken: [{ until: 20_000 }, {}, {}] });
    const for_ever = entered(taken, { callId: "t.0.0", amount: 99, at: 10_000 });
    expect(dropUnused(for_ever.kind === "entered" ? for_ever.taken : [], 99_000)?.map(({ callId }) => callId)).toEqual([
      "t.0.0",
      "t.2.0",
    ]);
  });
});
