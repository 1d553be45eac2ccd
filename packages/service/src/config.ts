import { BulkheadError, keyText, parseJson, readSecretFile, token } from "@bulkhead/core";
import { z } from "zod";

/**
 * What every service is told, in one file of mode 0600 given as `--config FILE`; nothing reads the environment.
 * A service extends it with its own settings.
 */
export const baseConfig = z.strictObject({
  identity: token,
  /** The identity's secrets: bus seed, signing seed, database password. */
  keyFile: z.string(),
  /** The signed policy, and the public key of the admin who must have signed it. */
  policyFile: z.string(),
  adminKey: keyText,
  nats: z.strictObject({ url: z.string(), caFile: z.string().optional() }),
  mongo: z.strictObject({ url: z.string(), db: z.string(), caFile: z.string().optional() }).optional(),
  logLevel: z.enum(["debug", "info", "warn", "error"]).default("info"),
});
/** What every service is told. */
export type BaseConfig = z.infer<typeof baseConfig>;

/**
 * Reads `--config FILE` of the command line by `schema`.
 *
 * @throws BulkheadError `credential.mode` if others may read the file, `config.invalid` naming each wrong setting
 */
export async function loadConfig<S extends z.ZodType>(
  schema: S,
  argv: readonly string[] = process.argv,
): Promise<z.output<S>> {
  const file = argv[argv.indexOf("--config") + 1];
  if (!argv.includes("--config") || file === undefined)
    throw new BulkheadError("config.invalid", "Give it as --config FILE.");
  const parsed = schema.safeParse(parseJson(await readSecretFile(file)));
  if (parsed.success) return parsed.data;
  const wrong = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
  throw new BulkheadError("config.invalid", wrong.join("; "), { cause: parsed.error });
}
