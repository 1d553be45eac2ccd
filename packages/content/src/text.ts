const INVISIBLE =
  /[\p{Cf}\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0\ufe00-\ufe0f\u{e0000}-\u{e0fff}]|(?![\n\t])[\p{Cc}]|\p{Cs}/gu;

/**
 * Text from outside in one form: NFC, line feeds only, and without the characters that a person cannot see but a model
 * reads (controls, bidirectional marks, zero-width, tags; INJ-18). Never longer than 3 times the input.
 */
export function normaliseText(text: string): string {
  return text.replace(/\r\n?/g, "\n").toWellFormed().normalize("NFC").replace(INVISIBLE, "");
}

/** The first `maxChars` UTF-16 units of a text, never half of a surrogate pair, and whether anything is missing. */
export function boundText(text: string, maxChars: number): { readonly text: string; readonly truncated: boolean } {
  if (text.length <= maxChars) return { text, truncated: false };
  const cut = text.slice(0, maxChars);
  return { text: cut.isWellFormed() ? cut : cut.slice(0, -1), truncated: true };
}
