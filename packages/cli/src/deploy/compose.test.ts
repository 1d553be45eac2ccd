import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { Ajv } from "ajv";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { SERVICES } from "../supervise/bundle.ts";

interface Block {
  readonly user?: string;
  readonly entrypoint?: readonly string[];
  readonly volumes?: readonly string[];
  readonly healthcheck?: unknown;
  readonly networks?: readonly string[];
  readonly ports?: unknown;
}

const file = join(import.meta.dirname, "..", "..", "..", "..", "docker-compose.yml");
const compose = parse(await readFile(file, "utf8"), { merge: true }) as {
  services: Record<string, Block>;
  networks: Record<string, { internal?: boolean } | null>;
};
const services = Object.entries(compose.services).filter(([, { entrypoint }]) => entrypoint?.[0] === "node");
const programOf = ({ entrypoint }: Block): string => /programs\/(\w+)\.mjs$/.exec(entrypoint?.[1] ?? "")?.[1] ?? "";

/** The schema of the Compose Specification, as a linter for it carries it. */
async function composeSchema(): Promise<object> {
  const linter = dirname(createRequire(import.meta.url).resolve("dclint/package.json"));
  return JSON.parse(await readFile(join(linter, "schemas", "compose.schema.json"), "utf8")) as object;
}

test("it is what the Compose Specification allows, and a setting that it does not know would be seen", async () => {
  const isCompose = new Ajv({ allErrors: true, strict: false, validateSchema: false }).compile(await composeSchema());
  const mistakes = (value: unknown): string[] => {
    isCompose(value);
    return isCompose.errors?.map(({ instancePath, message = "" }) => `${instancePath} ${message}`) ?? [];
  };
  expect(mistakes(compose)).toEqual([]);
  const [name, block] = services[0] ?? expect.fail("there is no service");
  const misspelt = { ...compose, services: { ...compose.services, [name]: { ...block, helthcheck: {} } } };
  expect(mistakes(misspelt)).toEqual([`/services/${name} must NOT have additional properties`]);
});

test("every service has a block, with a user of its own and a health check, and opens no port", () => {
  expect(new Set(services.map(([, block]) => programOf(block)))).toEqual(new Set<string>(SERVICES));
  expect(new Set(services.map(([, { user }]) => user)).size).toBe(services.length);
  for (const [name, { user, healthcheck, ports }] of services) {
    expect([name, user, healthcheck !== undefined, ports]).toEqual([
      name,
      expect.stringMatching(/^2\d{4}:2\d{4}$/),
      true,
      undefined,
    ]);
  }
});

test("a service sees its own key and configuration and nobody else's", () => {
  for (const [name, { volumes = [] }] of services) {
    const mounted = volumes.flatMap((volume) => /\/(?:keys|configs)\/([\w-]+)\.json:/.exec(volume)?.[1] ?? []);
    expect(mounted).toEqual([name, name]);
    expect(volumes.filter((volume) => /^\.\/project:|\.bulkhead:/.test(volume))).toEqual([]);
  }
});

test("only executors and models have a way out", () => {
  const open = services.filter(([, { networks }]) =>
    networks?.some((name) => compose.networks[name]?.internal !== true),
  );
  expect(open.map(([, block]) => programOf(block)).sort()).toEqual(["executor", "models"]);
});
