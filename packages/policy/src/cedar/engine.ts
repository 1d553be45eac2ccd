import { createRequire } from "node:module";
import type * as CedarWasm from "@cedar-policy/cedar-wasm/nodejs";

/** The Cedar engine. */
export type Cedar = typeof CedarWasm;

let loaded: Cedar | undefined;

/** The engine, loaded at its first use: only who judges or checks rules pays for it. It reads a file beside itself, so it is never bundled. */
export function cedar(): Cedar {
  loaded ??= createRequire(import.meta.url)("@cedar-policy/cedar-wasm/nodejs") as Cedar;
  return loaded;
}
