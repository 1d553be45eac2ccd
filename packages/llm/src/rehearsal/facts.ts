import { memo } from "./memo.ts";

/** Values found in a text by their shape. */
export interface Facts {
  readonly emails: readonly string[];
  readonly urls: readonly string[];
  readonly ibans: readonly string[];
  readonly amounts: readonly number[];
  readonly currencies: readonly string[];
  readonly dates: readonly string[];
  readonly paths: readonly string[];
  readonly ids: readonly string[];
  readonly quotes: readonly string[];
}

const MAX_TEXT = 20_000;
const MAX_FOUND = 40;
const CURRENCIES: Readonly<Record<string, string>> = { $: "USD", "€": "EUR", "£": "GBP" };
const MONEY =
  /(?:([$€£])|\b(EUR|USD|GBP|CHF)\b)\s?(\d{1,3}(?:[.,]\d{3})+(?:[.,]\d{2})?|\d+(?:[.,]\d{1,2})?)|(\d{1,3}(?:[.,]\d{3})+(?:[.,]\d{2})?|\d+(?:[.,]\d{1,2})?)\s?(?:([€£$])|\b(EUR|USD|GBP|CHF|euros?|dollars?)\b)/gi;
const MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split(" ");

/** Everything of a known shape in a text, in order, without repeats. */
export const findFacts = memo((whole: string): Facts => {
  const text = whole.slice(0, MAX_TEXT);
  const money = [...text.matchAll(MONEY)].slice(0, MAX_FOUND);
  return {
    emails: all(text, /[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}/g),
    urls: all(text, /https?:\/\/[^\s"'<>()[\]]{3,300}/g).map((url) => url.replace(/[.,;:!?]+$/, "")),
    ibans: all(text, /\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b/g).map((iban) =>
      iban.replaceAll(" ", ""),
    ),
    amounts: money.map((match) => toNumber(match[3] ?? match[4] ?? "0")),
    currencies: unique(money.map((match) => currency(match[1] ?? match[2] ?? match[5] ?? match[6] ?? ""))),
    dates: dates(text),
    paths: all(
      text,
      /(?<![\w:/])(?:\.{0,2}\/)?(?:[\w.-]{1,80}\/){1,10}[\w.-]{1,80}|(?<![\w:/])\/[\w./-]{2,200}|\b[\w-]{1,80}\.(?:txt|md|csv|json|pdf|env|pem|key)\b/g,
    ),
    ids: all(text, /(?<![\w@.-])(?=[\w.-]{0,79}\d)[A-Za-z0-9][\w.-]{2,79}(?![\w@])/g),
    quotes: [...text.matchAll(/["“]([^"”]{1,2000})["”]/g)].slice(0, MAX_FOUND).map((match) => match[1] ?? ""),
  };
});

/** An amount as written in any of the usual ways: `1,234.50`, `1.234,50`, `99`. */
function toNumber(written: string): number {
  const decimals = /[.,](\d{1,2})$/.exec(written);
  const whole = (decimals === null ? written : written.slice(0, decimals.index)).replace(/[.,]/g, "");
  return Number(`${whole}.${decimals?.[1] ?? "0"}`);
}

function currency(sign: string): string {
  const word = sign.toUpperCase();
  return CURRENCIES[sign] ?? (word.startsWith("EURO") ? "EUR" : word.startsWith("DOLLAR") ? "USD" : word);
}

function dates(text: string): string[] {
  const iso = all(text, /\b\d{4}-\d{2}-\d{2}(?:T[\d:.]{4,12}(?:Z|[+-]\d{2}:?\d{2})?)?\b/g);
  const named = [
    ...text.matchAll(
      /\b(\d{1,2})(?:st|nd|rd|th)?\.? (jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?,? (\d{4})\b/gi,
    ),
  ].map((match) => isoDate(match[3], match[2], match[1]));
  const american = [
    ...text.matchAll(
      /\b(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})\b/gi,
    ),
  ].map((match) => isoDate(match[3], match[1], match[2]));
  return unique([...iso, ...named, ...american]).slice(0, MAX_FOUND);
}

function isoDate(year = "", month = "", day = ""): string {
  return `${year}-${String(MONTHS.indexOf(month.toLowerCase().slice(0, 3)) + 1).padStart(2, "0")}-${day.padStart(2, "0")}`;
}

function all(text: string, pattern: RegExp): string[] {
  return unique([...text.matchAll(pattern)].slice(0, MAX_FOUND * 4).map(([found]) => found)).slice(0, MAX_FOUND);
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}
