import type { ModelClass, Policy } from "@bulkhead/schemas";
import { ENVIRONMENT_KEY, type ModelEndpoint } from "./environment.ts";
import type { PolicyFile } from "./file.ts";

/**
 * The address that stands for the rehearsal model (design §8), which `up` starts on a free loopback port: it is in the
 * signed policy, so only a policy that names it can be answered by it.
 */
export const REHEARSAL_URL = "http://rehearsal.localhost/v1";

const rehearsal: ModelClass = {
  baseUrl: REHEARSAL_URL,
  model: "rehearsal",
  maxOutputTokens: 2_000,
  timeoutMs: 30_000,
  price: { inputMicrosPerMillion: 200_000, outputMicrosPerMillion: 800_000 },
};

/** The model classes of a checked file; without any, every class is the rehearsal model. */
export function modelsOf(file: PolicyFile, endpoint?: ModelEndpoint): Policy["models"] {
  const { models, currency } = file;
  if (models === undefined)
    return { currency, priceVersion: "rehearsal", classes: { small: rehearsal, large: rehearsal } };
  const classes = Object.entries(models).map(([name, model]) => [name, classOf(atEndpoint(model, endpoint))] as const);
  return { currency, priceVersion: "file", classes: Object.fromEntries(classes) };
}

type Model = NonNullable<PolicyFile["models"]>[string];

/** A class without a URL lies where the environment says; so does its key, unless the file names one. */
function atEndpoint(model: Model, endpoint: ModelEndpoint | undefined): Model {
  if (model.url !== undefined || endpoint === undefined) return model;
  return { ...model, url: endpoint.url, credential: model.credential ?? (endpoint.key && ENVIRONMENT_KEY) };
}

function classOf({ url, model, credential, maxOutputTokens, timeout, price }: Model): ModelClass {
  if (url === undefined) throw new TypeError(`the model ${model} has no url`);
  return {
    baseUrl: url,
    model,
    ...(credential !== undefined && { credential }),
    maxOutputTokens,
    timeoutMs: timeout,
    price: { inputMicrosPerMillion: price.input, outputMicrosPerMillion: price.output },
  };
}

/** Whether some class of the policy is the rehearsal model. */
export function usesRehearsal(policy: Pick<Policy, "models">): boolean {
  return Object.values(policy.models.classes).some(({ baseUrl }) => baseUrl === REHEARSAL_URL);
}
