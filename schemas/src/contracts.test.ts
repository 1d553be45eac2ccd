import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { CONTRACTS, type ContractName, mayPublish, ROLES, roleOf, subjectOf, typeOf } from "./contracts.ts";

const names = Object.keys(CONTRACTS) as ContractName[];

test("subjects are built from tokens only, so no wildcard or separator can enter (ZT-06)", () => {
  for (const bad of ["a.b", "*", ">", "a b", "A", "а", "", "-a", "a\n", "a".repeat(64)]) {
    expect(() => subjectOf("call", { agent: bad, tool: "mail-read" })).toThrow("not a token");
  }
  fc.assert(
    fc.property(fc.string(), (value) => {
      try {
        expect(subjectOf("model", { agent: value }).split(".")).toHaveLength(3);
      } catch (error) {
        expect((error as Error).message).toContain("not a token");
      }
    }),
  );
});

test("a missing placeholder is refused, not left open", () => {
  expect(() => subjectOf("call", { agent: "inbox" })).toThrow("not a token: tool");
});

test("an identity has the role of its kind, and no other", () => {
  expect(roleOf("host-inbox")).toBe("host");
  expect(roleOf("gateway")).toBe("gateway");
  for (const none of ["host", "exec", "operator", "gateway-2", "watchdog-x", "", "admin"])
    expect(roleOf(none)).toBeUndefined();
});

test("only hosts call, only the gateway executes, only operators decide", () => {
  const publishersOf = (name: ContractName) =>
    ROLES.filter((role) =>
      mayPublish(name, ["host", "exec", "operator", "client"].includes(role) ? `${role}-x` : role),
    );
  expect(publishersOf("call")).toEqual(["host"]);
  expect(publishersOf("exec")).toEqual(["gateway"]);
  expect(publishersOf("decision")).toEqual(["operator"]);
  expect(publishersOf("review")).toEqual(["gateway"]);
});

test("every contract that is acted on is signed, and no two subjects are the same", () => {
  expect(new Set(names.map((name) => CONTRACTS[name].subject)).size).toBe(names.length);
  const unsigned = names.filter((name) => !CONTRACTS[name].signed);
  expect(unsigned.sort()).toEqual(["label", "nudge", "submit", "timer"]);
  expect(names.every((name) => /^[a-zA-Z]+$/.test(typeOf(name)))).toBe(true);
});

interface Fixture {
  readonly contract: ContractName;
  readonly valid: readonly unknown[];
  readonly invalid: readonly { readonly why: string; readonly body: unknown }[];
}

const fixtures = JSON.parse(readFileSync(new URL("../fixtures/messages.json", import.meta.url), "utf8")) as Fixture[];

test.each(fixtures)(
  "golden fixtures of $contract parse, and the broken ones do not",
  ({ contract, valid, invalid }) => {
    const { body } = CONTRACTS[contract];
    for (const value of valid) expect(body.parse(value)).toEqual(value);
    for (const { why, body: value } of invalid) expect(body.safeParse(value).success, why).toBe(false);
  },
);
