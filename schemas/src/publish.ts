import { z } from "zod";
import { Action, Grant, ProposalTerms } from "./call.ts";
import type { CollectionContract } from "./collection.ts";
import { CONTRACTS, type Contract, type ContractName, typeOf } from "./contracts.ts";
import { DATABASES } from "./documents.ts";
import { HostLine, WorkerLine } from "./pipe.ts";
import { Policy } from "./policy.ts";
import { Lease } from "./task.ts";

type Schema = Record<string, unknown>;

const contracts = Object.entries(CONTRACTS) as [ContractName, Contract][];
const asJson = (schema: z.ZodType): Schema => z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });

/** Every message, inner body, pipe message and document as JSON Schema 2020-12, by file name. */
export function jsonSchemas(): Map<string, Schema> {
  const schemas = new Map<string, Schema>();
  for (const [name, contract] of contracts) {
    schemas.set(name, asJson(contract.body));
    if (contract.reply !== undefined) schemas.set(`${name}.reply`, asJson(contract.reply));
  }
  for (const [name, schema] of Object.entries({ Action, Grant, ProposalTerms, Lease, Policy }))
    schemas.set(`inner.${name}`, asJson(schema));
  schemas.set("pipe.to-worker", asJson(HostLine));
  schemas.set("pipe.from-worker", asJson(WorkerLine));
  for (const [database, collections] of Object.entries(DATABASES)) {
    for (const { name, document } of Object.values<CollectionContract>(collections))
      schemas.set(`document.${database}.${name}`, asJson(document));
  }
  return schemas;
}

/** The bus as an AsyncAPI 3 document: one channel per contract, one operation per party. */
export function asyncApi(): Schema {
  return {
    asyncapi: "3.0.0",
    info: {
      title: "Bulkhead bus",
      version: "1",
      description: "Every subject, who publishes, who consumes. Bodies travel in signed envelopes.",
    },
    defaultContentType: "application/json",
    channels: Object.fromEntries(contracts.map(([name, contract]) => [name, channel(name, contract)])),
    operations: Object.fromEntries(contracts.flatMap(([name, contract]) => operations(name, contract))),
  };
}

function channel(name: ContractName, contract: Contract): Schema {
  const parameters = [...contract.subject.matchAll(/\{(\w+)\}/g)].map(([, key]) => [key, {}]);
  return {
    address: contract.subject,
    ...(parameters.length > 0 && { parameters: Object.fromEntries(parameters) }),
    messages: {
      [name]: { payload: { $ref: `./${name}.schema.json` }, "x-envelope": contract.signed ? typeOf(name) : null },
    },
    "x-kind": contract.kind,
    ...(contract.stream !== undefined && { "x-stream": contract.stream }),
  };
}

function operations(name: ContractName, contract: Contract): [string, Schema][] {
  const reply = contract.reply === undefined ? {} : { "x-reply": { $ref: `./${name}.reply.schema.json` } };
  const operation = (action: string, role: string): [string, Schema] => [
    `${role}.${action}.${name}`,
    { action, channel: { $ref: `#/channels/${name}` }, "x-role": role, ...reply },
  ];
  return [
    ...contract.publishers.map((role) => operation("send", role)),
    ...contract.consumers.map((role) => operation("receive", role)),
  ];
}
