import { join } from "node:path";
import { BulkheadError, readSecretFile } from "@bulkhead/core";
import { type Chat, createChat } from "@bulkhead/llm";
import type { LoadedPolicy } from "@bulkhead/policy";
import type { ModelClass } from "@bulkhead/schemas";
import type { Logger } from "@bulkhead/service";
import type { ModelsConfig } from "../config.ts";

/** The address by which a policy names the rehearsal model. */
const REHEARSAL_HOST = "rehearsal.localhost";

/** The model behind an agent's class. */
export interface Provider {
  readonly chat: Chat;
  readonly model: ModelClass;
}

/** Looks models up in the policy, and reads each key's file once at the start. @throws BulkheadError `credential.mode|missing` */
export async function providers(
  policy: LoadedPolicy,
  config: ModelsConfig,
  log: Logger,
): Promise<(agent: string) => Promise<Provider>> {
  const byClass = new Map<string, Provider>();
  for (const [name, model] of Object.entries(policy.policy.models.classes)) {
    const apiKey = await keyOf(model, config);
    const options = {
      baseUrl: addressOf(model, config),
      model: model.model,
      maxOutputTokens: model.maxOutputTokens,
      timeoutMs: model.timeoutMs,
    };
    byClass.set(name, { model, chat: createChat({ ...options, ...(apiKey !== undefined && { apiKey }) }) });
    log.info({ class: name, model: model.model, key: apiKey !== undefined }, "model");
  }
  return (agent) => {
    const found = byClass.get(policy.agent(agent)?.modelClass ?? "");
    return found ? Promise.resolve(found) : Promise.reject(new BulkheadError("model.unknown"));
  };
}

async function keyOf({ credential }: ModelClass, { credentialsDir }: ModelsConfig): Promise<string | undefined> {
  return credential === undefined
    ? undefined
    : (await readSecretFile(join(credentialsDir, credential))).toString("utf8").trim();
}

function addressOf({ baseUrl }: ModelClass, { rehearsalUrl }: ModelsConfig): string {
  if (new URL(baseUrl).hostname !== REHEARSAL_HOST) return baseUrl;
  if (rehearsalUrl === undefined)
    throw new BulkheadError("config.invalid", "(the policy names the rehearsal model, and none runs)");
  return rehearsalUrl;
}
