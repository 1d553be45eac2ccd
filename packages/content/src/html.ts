const NAMED: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: " " };
const HIDDEN = new Set(["script", "style", "head", "title", "template", "noscript", "svg"]);
const BREAKS = new Set(["br", "p", "div", "tr", "li", "h1", "h2", "h3", "h4", "h5", "h6", "table", "blockquote", "hr"]);

/**
 * The readable text of an HTML mail or page, in one linear pass: no scripts, styles or comments; the target of a link in
 * brackets behind its text, so that what a link says and where it leads can be compared. It makes nothing safe.
 */
export function htmlToText(html: string): string {
  let [out, at, href] = ["", 0, ""];
  while (at < html.length) {
    const open = html.indexOf("<", at);
    if (open === -1) return tidy(out + decodeEntities(html.slice(at)));
    out += decodeEntities(html.slice(at, open));
    const tag = tagAt(html, open);
    if (tag.name === "a") href = linkTarget(tag.text);
    if (tag.name === "/a" && href !== "") [out, href] = [`${out} [${href}]`, ""];
    if (BREAKS.has(tag.name.replace("/", ""))) out += "\n";
    at = HIDDEN.has(tag.name) ? endOf(html, tag.name, tag.end) : tag.end;
  }
  return tidy(out);
}

function tagAt(html: string, open: number): { name: string; text: string; end: number } {
  const comment = html.startsWith("<!--", open);
  const close = html.indexOf(comment ? "-->" : ">", open);
  const end = close === -1 ? html.length : close + (comment ? 3 : 1);
  const text = comment ? "" : html.slice(open, Math.min(end, open + 2_100));
  return { name: (/^<(\/?[a-z0-9]+)/i.exec(text)?.[1] ?? "").toLowerCase(), text, end };
}

function endOf(html: string, name: string, from: number): number {
  const close = html.toLowerCase().indexOf(`</${name}`, from);
  return close === -1 ? html.length : close;
}

function linkTarget(tag: string): string {
  const [, double, single, bare] = /\shref\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+))/i.exec(tag) ?? [];
  return decodeEntities(double ?? single ?? bare ?? "").slice(0, 2_000);
}

function decodeEntities(text: string): string {
  return text.replace(
    /&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{2,6}));/gi,
    (whole, dec: string, hex: string, name: string) => {
      const point = dec ? Number(dec) : hex ? Number.parseInt(hex, 16) : undefined;
      if (point === undefined) return NAMED[name.toLowerCase()] ?? whole;
      return point <= 0x10ffff && (point < 0xd800 || point > 0xdfff) ? String.fromCodePoint(point) : "";
    },
  );
}

function tidy(text: string): string {
  return text
    .replace(/[^\S\n]+/g, " ")
    .replace(/ ?\n ?/g, "\n")
    .replace(/\n{3,}/g, "\n\n")
    .trim();
}
