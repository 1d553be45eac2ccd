import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonical, parseJson } from "./json.ts";

const bytes = (...values: number[]) => new Uint8Array(values);
const code = (value: unknown): unknown => expect.objectContaining({ code: value });

describe("parseJson", () => {
  it.each([
    ["json.malformed", ""],
    ["json.malformed", "{"],
    ["json.malformed", "[1,]"],
    ["json.malformed", '{"a":1,}'],
    ["json.malformed", "01"],
    ["json.malformed", "1 2"],
    ["json.malformed", "nul"],
    ["json.malformed", "NaN"],
    ["json.malformed", '"a\nb"'],
    ["json.malformed", '"\\x"'],
    ["json.malformed", '"a\\'],
    ["json.malformed", "{a:1}"],
    ["json.malformed", "\ufeff{}"],
    ["json.duplicate-key", '{"amount":1,"amount":1000}'],
    ["json.duplicate-key", '{"a":1,"\\u0061":2}'],
    ["json.forbidden-key", '{"__proto__":{}}'],
    ["json.forbidden-key", '{"\\u005f_proto__":{}}'],
    ["json.forbidden-key", '{"a":[{"constructor":1}]}'],
    ["json.number", "1e400"],
    ["json.number", "9007199254740993"],
    ["json.number", "-1e300"],
    ["json.surrogate", '"\\ud800"'],
    ["json.surrogate", '{"\\udc00":1}'],
  ])("refuses with %s: %j", (expected, text) => {
    expect(() => parseJson(text)).toThrow(code(expected));
  });

  it.each([
    ["over-long encoding", bytes(0x22, 0xc0, 0xaf, 0x22)],
    ["encoded surrogate", bytes(0x22, 0xed, 0xa0, 0x80, 0x22)],
    ["stray continuation", bytes(0x22, 0x80, 0x22)],
  ])("refuses malformed UTF-8: %s", (_, input) => {
    expect(() => parseJson(input)).toThrow(code("json.utf8"));
  });

  it("INJ-19: bounds size, depth and number of keys, and stays responsive", () => {
    expect(() => parseJson(`"${"x".repeat(1_048_576)}"`)).toThrow(code("json.size"));
    expect(() => parseJson("[".repeat(100_000), { maxDepth: 32 })).toThrow(code("json.depth"));
    expect(parseJson("[".repeat(32) + "]".repeat(32))).toBeInstanceOf(Array);
    expect(() => parseJson(`[${"0,".repeat(10_000)}0]`)).toThrow(code("json.keys"));
  });

  it("reads long strings, plain and escaped", () => {
    const long = "ü".repeat(400_000);
    expect(parseJson(`"${long}"`)).toBe(long);
    expect(parseJson(`"${long}\\n"`)).toBe(`${long}\n`);
  });

  it("gives objects without a prototype", () => {
    const value = parseJson('{"toString":1,"a":{}}') as Record<string, unknown>;
    expect(Object.getPrototypeOf(value)).toBeNull();
    expect(Object.keys(value)).toEqual(["toString", "a"]);
    expect(Object.is(parseJson("-0"), 0)).toBe(true);
  });

  it("INJ-19: agrees with JSON.parse on every JSON value that it accepts", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        const text = JSON.stringify(value);
        const strict = attempt(() => parseJson(text));
        if (strict.ok) expect(canonical(strict.value)).toBe(canonical(JSON.parse(text)));
        else expect(String(strict.error)).toMatch(/forbidden|number|surrogate|exactly/);
      }),
    );
  });

  it("throws nothing but json.* on any bytes", () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 64 }), fc.string()), (input) => {
        const result = attempt(() => parseJson(input));
        if (!result.ok) expect((result.error as { code: string }).code).toMatch(/^json\./);
      }),
    );
  });
});

function attempt(run: () => unknown): { ok: true; value: unknown } | { ok: false; error: unknown } {
  try {
    return { ok: true, value: run() };
  } catch (error) {
    return { ok: false, error };
  }
}

describe("canonical (RFC 8785)", () => {
  it("reproduces the example of section 3.2.3 (sorting) and 3.2.2 (literals, strings, numbers)", () => {
    const value = {
      numbers: [333333333.33333329, 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
      string: "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\u002f",
      literals: [null, true, false],
    };
    expect(canonical(value)).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    );
  });

  it("sorts keys by UTF-16 code units", () => {
    const keys = ["\u20ac", "\r", "\ufb33", "1", "\ud83d\ude00", "\u0080", "\u00f6"];
    const sorted = Object.keys(
      JSON.parse(canonical(Object.fromEntries(keys.map((key) => [key, 0])))) as Record<string, number>,
    );
    expect(sorted.filter((key) => key !== "1")).toEqual(["\r", "\u0080", "\u00f6", "\u20ac", "\ud83d\ude00", "\ufb33"]);
  });

  it.each([
    ["0000000000000000", "0"],
    ["8000000000000000", "0"],
    ["0000000000000001", "5e-324"],
    ["7fefffffffffffff", "1.7976931348623157e+308"],
    ["4340000000000000", "9007199254740992"],
    ["4430000000000000", "295147905179352830000"],
    ["44b52d02c7e14af5", "9.999999999999997e+22"],
    ["444b1ae4d6e2ef4e", "999999999999999700000"],
    ["444b1ae4d6e2ef50", "1e+21"],
    ["3eb0c6f7a0b5ed8d", "0.000001"],
    ["41b3de4355555553", "333333333.3333332"],
    ["becbf647612f3696", "-0.0000033333333333333333"],
    ["43143ff3c1cb0959", "1424953923781206.2"],
  ])("writes the double %s of appendix B as %s", (hex, text) => {
    expect(canonical(Buffer.from(hex, "hex").readDoubleBE())).toBe(text);
  });

  it.each([
    ["undefined", undefined],
    ["a missing member", { a: undefined }],
    ["NaN", NaN],
    ["Infinity", [Infinity]],
    ["a function", () => 1],
    ["a bigint", 1n],
    ["a date", new Date(0)],
    ["toJSON", { toJSON: () => 1 }],
    ["a map", new Map()],
  ])("refuses %s", (_, value) => {
    expect(() => canonical(value)).toThrow(code("json.value"));
  });

  it("refuses lone surrogates and cycles", () => {
    const cycle: unknown[] = [];
    cycle.push(cycle);
    expect(() => canonical(["\ud800"])).toThrow(code("json.surrogate"));
    expect(() => canonical({ "\udfff": 1 })).toThrow(code("json.surrogate"));
    expect(() => canonical(cycle)).toThrow(code("json.depth"));
  });

  it("does not depend on key order, and survives a round trip", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), fc.integer()), (value) => {
        const reversed = Object.fromEntries(Object.entries(value).reverse());
        expect(canonical(reversed)).toBe(canonical(value));
        expect(canonical(JSON.parse(canonical(value)))).toBe(canonical(value));
      }),
    );
  });
});
