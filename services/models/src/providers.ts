/**
 * Owns: the providers' keys, and which model answers for an agent.
 * Does not own: the request (`call/build.ts`), money (`budget/`).
 * Invariants: S8: a key is read from a file that its owner alone may read, and leaves this process only to its model's URL,
 * over TLS outside loopback; a class that the signed policy does not name has no model and no price (COST-03).
 */
import { join } from "node:path";
import { BulkheadError, readSecretFile } from "@bulkhead/core";
import { type Chat, createChat, type PriceTable, priceOf, priceTable, REHEARSAL_URL } from "@bulkhead/llm";
import type { ModelClass, Policy, Price } from "@bulkhead/schemas";
import type { ModelsConfig } from "./config.ts";

export interface Provider {
  readonly chat: Chat;
  readonly model: string;
  readonly price: Price;
  readonly maxOutputTokens: number;
  readonly timeoutMs: number;
}

/** The provider of a model class. @throws BulkheadError `model.unknown` */
export type Providers = (modelClass: string) => Provider;

const LOOPBACK = /^(?:localhost|.+\.localhost|127(?:\.\d+){3}|\[::1\])$/;

export async function openProviders(policy: Policy, config: ModelsConfig): Promise<Providers> {
  const table = priceTable(policy.models);
  const used = new Set(Object.values(policy.agents).map(({ modelClass }) => modelClass));
  const opened = new Map<string, Provider>();
  for (const [name, modelClass] of Object.entries(policy.models.classes))
    if (used.has(name)) opened.set(name, await openProvider(modelClass, config, table));
  return (name) => {
    const provider = opened.get(name);
    if (provider === undefined) throw new BulkheadError("model.unknown", `(${name})`);
    return provider;
  };
}

async function openProvider(modelClass: ModelClass, config: ModelsConfig, table: PriceTable): Promise<Provider> {
  const { model, maxOutputTokens, timeoutMs, credential } = modelClass;
  const baseUrl = urlOf(modelClass, config);
  const key = credential === undefined ? {} : { apiKey: await readKey(join(config.credentialsDir, credential)) };
  const chat = createChat({ baseUrl, model, maxOutputTokens, timeoutMs, ...key });
  return { chat, model, maxOutputTokens, timeoutMs, price: priceOf(table, model) };
}

function urlOf({ baseUrl }: ModelClass, { rehearsalUrl }: ModelsConfig): string {
  const url = baseUrl === REHEARSAL_URL ? rehearsalUrl : baseUrl;
  if (url === undefined)
    throw new BulkheadError("config.invalid", "(the policy names the rehearsal model, but none runs)");
  const { protocol, hostname } = new URL(url);
  if (protocol === "https:" || (protocol === "http:" && LOOPBACK.test(hostname))) return url;
  throw new BulkheadError("config.invalid", "(outside loopback a model is reached over https only)");
}

async function readKey(file: string): Promise<string> {
  const key = (await readSecretFile(file)).toString("utf8").trim();
  if (key === "") throw new BulkheadError("credential.missing", `(${file} is empty)`);
  return key;
}
