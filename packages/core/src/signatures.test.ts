import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { manualClock } from "./clock.ts";
import { canonical, parseJson } from "./json.ts";
import { type Envelope, newSeed, open, sign, signingKey, verifyText } from "./signatures.ts";

const key = signingKey(newSeed());
const clock = manualClock();
const options = { type: "grant", keyOf: (issuer: string) => (issuer === "gateway" ? key.publicKey : undefined), clock };
const signed = (body: unknown = { a: 1 }) => sign(key, "gateway", "grant", body, { clock });
const code = (value: string): unknown => expect.objectContaining({ code: value });

describe("signing keys", () => {
  it("reproduces RFC 8032 section 7.1 test 1", () => {
    const seed = Buffer.from("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "hex");
    const known = signingKey(seed.toString("base64url"));
    expect(Buffer.from(known.publicKey, "base64url").toString("hex")).toBe(
      "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    );
    expect(Buffer.from(known.sign(""), "base64url").toString("hex")).toBe(
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    );
  });

  it("refuses seeds and keys of another length", () => {
    expect(() => signingKey("AAAA")).toThrow(code("credential.missing"));
    expect(verifyText("AAAA", "x", "AAAA")).toBe(false);
  });
});

describe("envelopes", () => {
  it("opens what was signed, after a trip as canonical JSON", () => {
    const envelope = signed({ z: [1, "ü"], a: null });
    const opened = open(parseJson(canonical(envelope)), options);
    expect(opened).toMatchObject({ issuer: "gateway", id: envelope.id, at: clock.now() });
    expect(canonical(opened.body)).toBe(canonical(envelope.body));
  });

  it("ZT-02: refuses when any single field differs", () => {
    const envelope = signed({ amount: 1, to: ["x"] });
    const changes: Partial<Record<keyof Envelope, unknown>> = {
      id: "m-other",
      at: envelope.at + 1,
      body: { amount: 2, to: ["x"] },
      sig: signed({ amount: 1, to: ["y"] }).sig,
    };
    for (const [field, value] of Object.entries(changes))
      expect(() => open({ ...envelope, [field]: value }, options), field).toThrow(code("envelope.signature"));
  });

  it("cannot be lifted into another contract or issuer", () => {
    const envelope = signed();
    expect(() => open(envelope, { ...options, type: "call" })).toThrow(code("envelope.type"));
    expect(() => open({ ...envelope, type: "call" }, { ...options, type: "call" })).toThrow(code("envelope.signature"));
    expect(() => open({ ...envelope, issuer: "watchdog" }, options)).toThrow(code("envelope.issuer"));
  });

  it("refuses other shapes", () => {
    for (const value of [
      null,
      1,
      "x",
      [],
      {},
      { ...signed(), extra: 1 },
      { ...signed(), v: 2 },
      { ...signed(), sig: "" },
    ])
      expect(() => open(value, options)).toThrow(code("envelope.malformed"));
  });

  it("ZT-03: is fresh for the given time, either way", () => {
    const early = manualClock();
    const envelope = sign(key, "gateway", "grant", 1, { clock: early });
    const at = (offsetMs: number) => () =>
      open(envelope, { ...options, maxAgeMs: 300_000, clock: manualClock(early.now() + offsetMs) });
    expect(at(300_000)).not.toThrow();
    expect(at(300_001)).toThrow(code("envelope.expired"));
    expect(at(-300_001)).toThrow(code("envelope.expired"));
    expect(() => open(envelope, { ...options, clock: manualClock(0) })).not.toThrow();
  });

  it("holds for any JSON body and breaks with any other body", () => {
    const json = fc.jsonValue({ maxDepth: 3 }).filter((value) => JSON.stringify(value).isWellFormed());
    fc.assert(
      fc.property(json, json, (body, other) => {
        const envelope = signed(body);
        expect(canonical(open(envelope, options).body)).toBe(canonical(body));
        fc.pre(canonical(body) !== canonical(other));
        expect(() => open({ ...envelope, body: other }, options)).toThrow(code("envelope.signature"));
      }),
      { numRuns: 50 },
    );
  });
});
