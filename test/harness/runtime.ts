import { setTimeout as sleep } from "node:timers/promises";
import { type Bus, connectBus } from "@bulkhead/bus";
import { type Identity, readIdentity, type SigningKey, signingKey } from "@bulkhead/core";
import type { AuditEntry } from "@bulkhead/schemas";
import { connect, type NatsConnection, nkeyAuthenticator } from "@nats-io/transport-node";
import {
  type Constellation,
  type Ground,
  keyFile,
  type OperatorClient,
  signProject,
  startConstellation,
} from "bulkhead";
import { type Company, type CompanyOptions, company } from "./company.ts";

/** A whole running constellation with an operator, and every key at hand. */
export interface TestRuntime extends AsyncDisposable {
  readonly dir: string;
  readonly constellation: Constellation;
  readonly ana: OperatorClient;
  /** The key file of an identity: what somebody who took it over would have. */
  keys(identity: string): Promise<Identity & { readonly key: SigningKey }>;
  /** Connects as that identity through the bus package. */
  as(identity: string): Promise<Bus>;
  /** Connects as that identity with nothing but its bus key: an attacker's client. */
  raw(identity: string): Promise<NatsConnection>;
  /** The audit entries about an id, oldest first. */
  entries(id: string): Promise<AuditEntry[]>;
  /** Submits a task as ana and waits until it is in one of the states. */
  run(agent: string, text: string, states?: readonly string[]): Promise<string>;
}

/** What a test may bring along besides the project. */
export interface RuntimeOptions extends CompanyOptions {
  /** A ground of the test's own, started for the signed project; the embedded one otherwise. */
  readonly ground?: (projectDir: string) => Promise<Ground | undefined>;
  /** The environment in which the project is signed. */
  readonly env?: NodeJS.ProcessEnv;
}

/** Writes, signs and boots a project. */
export async function startRuntime(options: RuntimeOptions = {}): Promise<TestRuntime> {
  await using stack = new AsyncDisposableStack();
  const project: Company = stack.use(await company(options));
  await signProject(project.dir, options.env);
  const ground = await options.ground?.(project.dir);
  const constellation = stack.use(await startConstellation({ dir: project.dir, ...(ground && { ground }) }));
  const ana = await constellation.operator("ana");
  const keys: TestRuntime["keys"] = async (identity) => {
    const found = await readIdentity(keyFile(constellation.project, identity));
    return { ...found, key: signingKey(found.signingSeed) };
  };
  const owned = stack.move();
  return {
    dir: project.dir,
    constellation,
    ana,
    keys,
    as: async (identity) =>
      owned.use(
        await connectBus({
          url: constellation.busUrl,
          identity: await keys(identity),
          trust: constellation.policy.policy.trust,
        }),
      ),
    raw: async (identity) => {
      const { busSeed } = await keys(identity);
      const authenticator = nkeyAuthenticator(new TextEncoder().encode(busSeed));
      const nc = await connect({
        servers: constellation.busUrl,
        authenticator,
        inboxPrefix: `_INBOX.${identity}`,
        reconnect: false,
      });
      owned.defer(() => nc.close());
      return nc;
    },
    entries: async (id) => {
      const { entries } = await ana.ask({ kind: "ledger.about", id, limit: 1_000 });
      return entries.map(({ envelope }) => (envelope as { body: AuditEntry }).body);
    },
    run: async (agent, text, states = ["done"]) => {
      const { task } = await ana.submit(agent, { title: text.slice(0, 60), text });
      await eventually(
        async () => {
          const { task: view } = await ana.ask({ kind: "tasks.show", task });
          return states.includes(view.state) ? true : undefined;
        },
        { what: `task ${task} to be ${states.join(" or ")}` },
      );
      return task;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Asks until the answer is something; at the deadline says what was waited for. Errors count as "not yet". */
export async function eventually<T>(
  ask: () => Promise<T | undefined>,
  { what = "it", withinMs = 30_000 } = {},
): Promise<T> {
  const deadline = performance.now() + withinMs;
  let last: unknown;
  for (;;) {
    try {
      const found = await ask();
      if (found !== undefined) return found;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline) throw new Error(`Waited ${withinMs} ms for ${what}`, { cause: last });
    await sleep(50);
  }
}
