export { htmlToText } from "./html.ts";
export { boundText, normaliseText } from "./text.ts";
