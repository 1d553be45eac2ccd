import { open as openFile, writeFile } from "node:fs/promises";
import { z } from "zod";
import { BulkheadError } from "./errors.ts";
import { token } from "./ids.ts";
import { parseJson } from "./json.ts";
import { keyText, newSeed } from "./signatures.ts";

/** The one secret file of an identity. The bus key and the signing key differ: the server chooses what the first signs. */
export const identitySchema = z.strictObject({
  identity: token,
  /** NKey user seed. */
  busSeed: z.string().regex(/^SU[A-Z2-7]{56}$/),
  /** Ed25519 seed, base64url. */
  signingSeed: keyText,
  mongo: z.strictObject({ user: z.string().min(1), password: z.string().min(1) }).optional(),
});
/** An identity with its secrets. */
export type Identity = z.infer<typeof identitySchema>;

/** A new identity around a bus seed (made by `packages/bus`, which owns NKeys). */
export function generateIdentity(identity: string, busSeed: string, mongo?: Identity["mongo"]): Identity {
  return identitySchema.parse({ identity, busSeed, signingSeed: newSeed(), ...(mongo && { mongo }) });
}

/**
 * Reads a secret file that only its owner may read.
 *
 * @throws BulkheadError `credential.missing`, or `credential.mode` with the command that mends it
 */
export async function readSecretFile(file: string): Promise<Buffer> {
  await using handle = await openFile(file, "r").catch((cause: unknown) => {
    throw new BulkheadError("credential.missing", `(${file})`, { cause });
  });
  const { mode } = await handle.stat();
  if ((mode & 0o077) !== 0) throw new BulkheadError("credential.mode", `Run: chmod 600 ${file}`);
  return await handle.readFile();
}

/** Reads an identity file. @throws BulkheadError `credential.missing|mode` */
export async function readIdentity(file: string): Promise<Identity> {
  const parsed = identitySchema.safeParse(parseJson(await readSecretFile(file)));
  if (!parsed.success) throw new BulkheadError("credential.missing", `(${file} is malformed)`, { cause: parsed.error });
  return parsed.data;
}

/** Writes an identity file with mode 0600. An existing file is never overwritten. */
export async function writeIdentity(file: string, identity: Identity): Promise<void> {
  await writeFile(file, `${JSON.stringify(identity, null, 2)}\n`, { mode: 0o600, flag: "wx" });
}
