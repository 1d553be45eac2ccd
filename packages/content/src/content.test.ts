import { describe, expect, it } from "vitest";
import { boundText, htmlToText, normaliseText } from "./index.ts";

describe("text from outside", () => {
  it("loses what a person cannot see", () => {
    expect(normaliseText("pay\u200b \u202eyou\u{e0041}\u0000\r\nnow\t")).toBe("pay you\nnow\t");
  });
  it("is bounded without cutting a character in half", () => {
    expect(boundText("ab😀", 3)).toEqual({ text: "ab", truncated: true });
    expect(boundText("ab", 3)).toEqual({ text: "ab", truncated: false });
  });
  it("shows where a link of an HTML mail leads, and no scripts", () => {
    const html = `<head><title>x</title></head><p>See <a href="http://evil.example/?a=1&amp;b">your bank</a>&#33;</p><script>1</script><!-- x -->end`;
    expect(htmlToText(html)).toBe("See your bank [http://evil.example/?a=1&b]!\nend");
  });
  it("takes linear time on hostile HTML", () => {
    const started = performance.now();
    htmlToText("<a href=".repeat(50_000) + "<script>".repeat(20) + "&".repeat(100_000) + "\n ".repeat(50_000));
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});
