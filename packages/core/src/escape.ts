const INVISIBLE =
  /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0\ufe00-\ufe0f\u{e0000}-\u{e0fff}]/gu;

/**
 * Makes control, bidirectional, zero-width and other invisible characters visible (`\x1b`, `\u202e`, `\u{e0041}`), so
 * that a text can be shown on a terminal or logged (INJ-18). `multiline` keeps line feeds and tabs.
 */
export function escapeControl(text: string, options: { readonly multiline?: boolean } = {}): string {
  return text.replace(INVISIBLE, (character) =>
    options.multiline && (character === "\n" || character === "\t") ? character : visible(character),
  );
}

function visible(character: string): string {
  const point = character.codePointAt(0) ?? 0;
  const hex = point.toString(16);
  if (point <= 0xff) return `\\x${hex.padStart(2, "0")}`;
  return point <= 0xffff ? `\\u${hex.padStart(4, "0")}` : `\\u{${hex}}`;
}
