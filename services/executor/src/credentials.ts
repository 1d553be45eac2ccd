/**
 * Owns: the secrets of this tool set: files of mode 0600, read when a tool asks, never held longer than a call.
 * Does not own: which secrets a tool set has (the signed policy).
 * Invariants: S8: only names that the tool declares; a value never leaves in a result or error: `scrub` replaces it.
 */
import { join } from "node:path";
import { BulkheadError, isBulkheadError, isToken, readSecretFile } from "@bulkhead/core";

/** The secrets that one call has resolved. */
export interface CallCredentials {
  resolve(name: string): Promise<string>;
  /** The text without any secret that was resolved, in the forms in which it could appear. */
  readonly scrub: (text: string) => string;
}

export interface CredentialBox {
  /** Refuses files that others may read; names those that are missing. @throws BulkheadError `credential.mode` */
  check(missing: (name: string) => void): Promise<void>;
  /** For one call of a tool that declares these names. */
  forCall(declared: readonly string[]): CallCredentials;
}

const MIN_SCRUBBED = 4;

export function credentialBox(dir: string, names: readonly string[]): CredentialBox {
  const read = async (name: string): Promise<string> => (await readSecretFile(join(dir, name))).toString("utf8").trim();
  return {
    check: async (missing) => {
      for (const name of names)
        await read(name).catch((error: unknown) => {
          if (!isBulkheadError(error, "credential.missing")) throw error;
          missing(name);
        });
    },
    forCall: (declared) => {
      const secrets = new Set<string>();
      return {
        resolve: async (name) => {
          if (!isToken(name) || !declared.includes(name) || !names.includes(name))
            throw new BulkheadError("credential.missing", "(the tool does not declare it)");
          const value = await read(name);
          if (value.length >= MIN_SCRUBBED) for (const form of formsOf(value)) secrets.add(form);
          return value;
        },
        scrub: (text) => [...secrets].reduce((clean, secret) => clean.replaceAll(secret, "[credential]"), text),
      };
    },
  };
}

function formsOf(value: string): string[] {
  const bytes = Buffer.from(value);
  return [
    value,
    JSON.stringify(value).slice(1, -1),
    encodeURIComponent(value),
    bytes.toString("base64"),
    bytes.toString("hex"),
  ];
}
