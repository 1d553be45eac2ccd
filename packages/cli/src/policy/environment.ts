/**
 * Owns: the model endpoint that the environment names (design §8): `OPENAI_BASE_URL`, and `OPENAI_API_KEY` where it asks for a key.
 * Does not own: which model runs there and what it costs: the policy says that, since an unknown price is refused (COST-03).
 * Invariants: S8: the key goes into a file that its owner alone may read, never into the policy or a process's environment.
 */
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Policy } from "@bulkhead/schemas";
import type { PolicyFile } from "./file.ts";
import type { Mistake } from "./mistakes.ts";
import type { Project } from "./project.ts";
import type { Path, PolicySource } from "./source.ts";

/** An endpoint of the OpenAI chat-completions format. */
export interface ModelEndpoint {
  readonly url: string;
  readonly key?: string;
}

/** The credential that holds the environment's key. It is written anew whenever a draft is about to be signed. */
export const ENVIRONMENT_KEY = "openai-environment";

/** The endpoint that the environment names, if it names one. */
export function endpointOf(env: NodeJS.ProcessEnv = process.env): ModelEndpoint | undefined {
  const { OPENAI_BASE_URL: url, OPENAI_API_KEY: key } = env;
  if (!url) return undefined;
  return key ? { url, key } : { url };
}

/** Keeps the environment's key where `models` reads it, if a model class of the draft asks for it. */
export async function keepKey(project: Project, { models }: Pick<Policy, "models">, env = process.env): Promise<void> {
  const key = endpointOf(env)?.key;
  const asked = Object.values(models.classes).some(({ credential }) => credential === ENVIRONMENT_KEY);
  if (key === undefined || !asked) return;
  await mkdir(project.credentialsDir, { recursive: true, mode: 0o700 });
  const next = join(project.credentialsDir, `.${ENVIRONMENT_KEY}.next`);
  await writeFile(next, `${key}\n`, { mode: 0o600 });
  await rename(next, join(project.credentialsDir, ENVIRONMENT_KEY));
}

/** What is wrong between the file and the environment: an endpoint without a model and its price, a model without an endpoint. */
export function checkEndpoint(file: PolicyFile, source: PolicySource, endpoint: ModelEndpoint | undefined): Mistake[] {
  if (file.models === undefined) return endpoint === undefined ? [] : [unpriced(file, source)];
  const names = Object.entries(file.models).flatMap(([name, { url }]) => (url === undefined ? [name] : []));
  return names.flatMap((name) => {
    const why = endpoint === undefined ? "is not set" : unusable(endpoint.url);
    return why === undefined ? [] : [noEndpoint(name, why, ["models", name], source)];
  });
}

function unpriced(file: PolicyFile, source: PolicySource): Mistake {
  const names = [...new Set(Object.values(file.agents).map(({ model }) => model))];
  const part = names.map((name) => `${name}: { model: NAME, price: { input: 0.25, output: 2.00 } }`).join(", ");
  const message = "OPENAI_BASE_URL is set, but nothing says which model to use there and what it costs.";
  const write = `Write "models: { ${part} }" (${file.currency} per million tokens), or unset it for the rehearsal model.`;
  return source.mistake("model.price", source.at([]), message, write);
}

function noEndpoint(name: string, why: string, path: Path, source: PolicySource): Mistake {
  const message = `The model class "${name}" has no url, and OPENAI_BASE_URL ${why}.`;
  return source.mistake("model.endpoint", source.atKey(path), message, "Set it, or write the url here.");
}

/** The address stands in the signed policy, which is no secret. */
function unusable(url: string): string | undefined {
  const parsed = URL.parse(url);
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) return "is not a URL such as https://api.example.com/v1";
  const { username, password, search } = parsed;
  return username + password + search === ""
    ? undefined
    : "holds more than an address (put the key into OPENAI_API_KEY)";
}
