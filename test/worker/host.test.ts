import { fileURLToPath } from "node:url";
import { Dispatcher, type HostPort, type Sandbox, strongestSandbox, WorkerPool, workerBundle } from "@bulkhead/agent";
import { systemClock } from "@bulkhead/core";
import type { AuditEvent } from "@bulkhead/schemas";
import { type AuditFields, type AuditWriter, followControl } from "@bulkhead/service";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startWorld, type World } from "../bus/world.ts";
import { smallPolicy } from "../harness/policy.ts";
import { verifies } from "../verifies.ts";
import * as hostile from "./hostile-code.ts";
import { type Outside, startOutside, until, workerPids } from "./outside.ts";
import { asks, Peers, result, type Script, says, TOOLS } from "./peers.ts";

let world: World;
let outside: Outside;
let sandbox: Sandbox;
let bundle: string;

beforeAll(async () => {
  [world, outside] = await Promise.all([startWorld(), startOutside()]);
  [sandbox, bundle] = await Promise.all([strongestSandbox(outside.dir), workerBundle(outside.dir)]);
});
afterAll(async () => {
  await outside[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

interface Running extends AsyncDisposable {
  readonly peers: Peers;
  readonly recorded: string[];
  readonly dispatcher: Dispatcher;
  ended(): Promise<NonNullable<Peers["end"]>>;
}

/** A host of the agent `inbox` with one task, real workers and a real bus. */
async function running(script: Script, worker: string = bundle): Promise<Running> {
  await using stack = new AsyncDisposableStack();
  const names = ["tasks", "models", "gateway", "memory", "host-inbox"];
  const buses = await Promise.all(names.map((name) => world.bus(name)));
  for (const bus of buses) stack.use(bus);
  const [tasks, models, gateway, memory, bus] = buses;
  if (!tasks || !models || !gateway || !memory || !bus) throw new Error("no bus");
  const peers = new Peers(world, script);
  peers.serve(tasks, models, gateway, memory);
  const recorded: string[] = [];
  const audit: AuditWriter = {
    record: (event: AuditEvent, { code, state }: AuditFields) =>
      Promise.resolve(void recorded.push([event, code ?? state].join(" "))),
  };
  const agent = { name: "inbox", purpose: "Reads mail." };
  const control = await followControl({
    ...{ bucket: bus.bucket("control"), clock: systemClock, live: true },
    policy: smallPolicy([...world.keys.values()]),
    rejected: (key, code) => void recorded.push(`${key} ${code}`),
  });
  const host: HostPort = {
    agent,
    tools: TOOLS,
    bus,
    audit,
    control,
    clock: systemClock,
    log: pino({ level: "silent" }),
  };
  const pool = stack.use(new WorkerPool({ sandbox, bundle: worker, warm: 1, clock: systemClock }));
  const dispatcher = stack.use(
    new Dispatcher({ host, pool, concurrency: 2, instance: "host-inbox-1", signal: new AbortController().signal }),
  );
  const owned = stack.move();
  const ended = async () => {
    await until(() => peers.end !== undefined, 20_000);
    return peers.end ?? { outcome: "" };
  };
  return { peers, recorded, dispatcher, ended, [Symbol.asyncDispose]: async () => owned.disposeAsync() };
}

const readTwo: Script = {
  model: (step) => (step === 0 ? asks(["mail-read", { id: "1" }], ["mail-read", { id: "2" }]) : says("Both read.")),
  call: ({ args }) => result(`mail ${args["id"] as string}`),
};

describe("a task under its host", () => {
  verifies(
    "S10",
    "its model's answer and call ids are saved before the first call; calls go in parallel under ids of the host",
    async () => {
      await using run = await running(readTwo);
      const end = await run.ended();
      const { log, calls, models, issuers, texts } = run.peers;
      expect(log.indexOf("save 1")).toBeGreaterThan(log.indexOf("model t-1.0.m"));
      expect(log.indexOf("save 1")).toBeLessThan(log.findIndex((line) => line.startsWith("call")));
      expect(calls.map(({ callId }) => callId).sort()).toEqual(["t-1.0.0", "t-1.0.1"]);
      expect([...issuers]).toEqual(["host-inbox"]);
      expect(models[1]?.messages.slice(-3)).toEqual([
        { role: "assistant", ...asks(["mail-read", { id: "1" }], ["mail-read", { id: "2" }]) },
        { role: "tool", toolCallId: "call_0", text: "mail 1" },
        { role: "tool", toolCallId: "call_1", text: "mail 2" },
      ]);
      expect(end.outcome).toBe("done");
      expect(texts.get(end.result ?? "")).toContain("Both read.");
      await until(() => run.recorded.length > 1);
      expect(run.recorded).toEqual([`worker.started ${sandbox.level.name}`, "worker.finished finished"]);
    },
  );

  verifies("S9", "quoted material comes in messages of its own, fenced, after the trusted text", async () => {
    await using run = await running(readTwo);
    await run.ended();
    const [system, task, quoted] = run.peers.models[0]?.messages ?? [];
    expect(system).toMatchObject({ role: "system", text: expect.stringContaining("Reads mail.") as string });
    expect(task).toEqual({ role: "user", text: "Task: Two mails\n\nRead mail 1 and 2." });
    expect(quoted?.text).toMatch(/quoted material:\n<<<([0-9a-f]{16})\n[^]*\n\1>>>$/);
  });

  verifies("S10", "a worker that is killed is replaced: same call ids, the recorded answer, one result", async () => {
    let killed = false;
    await using run = await running({
      ...readTwo,
      call: async ({ args }) => {
        if (!killed) {
          killed = true;
          for (const pid of workerPids()) process.kill(pid, "SIGKILL");
          await new Promise((resolve) => setTimeout(resolve, 300));
        }
        return result(`mail ${args["id"] as string}`);
      },
    });
    expect((await run.ended()).outcome).toBe("done");
    expect(run.recorded).toContain("worker.killed worker.failed");
    expect(new Set(run.peers.calls.map(({ callId }) => callId))).toEqual(new Set(["t-1.0.0", "t-1.0.1"]));
    expect(run.peers.models.filter(({ id }) => id === "t-1.0.m")).toHaveLength(1);
  });

  verifies(
    "S10",
    "a call that a human must decide parks the task; it resumes under the same ids in a new worker",
    async () => {
      let approved = false;
      await using run = await running({
        model: (step) => (step === 0 ? asks(["mail-read", { id: "1" }], ["mail-send", { to: "ana" }]) : says("Sent.")),
        call: ({ tool }) => (tool === "mail-send" && !approved ? { status: "pending", proposal: "p-1" } : result(tool)),
      });
      await until(() => run.peers.state === "parked");
      expect(run.peers.log).toContain("park t-1.0.1");
      approved = true;
      run.peers.wake();
      expect((await run.ended()).outcome).toBe("done");
      expect(run.peers.handedOut).toBe(2);
      expect(run.peers.calls.map(({ callId }) => callId)).toEqual(["t-1.0.0", "t-1.0.1", "t-1.0.1"]);
      expect(run.peers.models.map(({ id }) => id)).toEqual(["t-1.0.m", "t-1.1.m"]);
    },
  );

  test("what is pending is asked again under the same id", async () => {
    let asked = 0;
    await using run = await running({ ...readTwo, call: () => (++asked < 4 ? { status: "pending" } : result("late")) });
    expect((await run.ended()).outcome).toBe("done");
    expect(new Set(run.peers.calls.map(({ callId }) => callId)).size).toBe(2);
  });

  test("unknown tools, arguments that are no object, wrong arguments and silence are told to the model, three times", async () => {
    const nonsense = [
      asks(["mail-burn", {}]),
      { text: "", toolCalls: [{ id: "a", name: "mail-read", args: null, raw: "{" }] },
      asks(["mail-read", { id: 7 }]),
    ];
    await using run = await running({ ...readTwo, model: (step) => nonsense[step] ?? says("") });
    expect(await run.ended()).toMatchObject({ outcome: "failed", code: "model.malformed" });
    expect(run.peers.calls).toEqual([]);
    const told = run.peers.models.map(({ messages }) => messages.at(-1)?.text);
    expect(told[1]).toContain("tool.unknown");
    expect(told[2]).toContain("args.invalid");
  });

  test("steps, tokens and time are limited", async () => {
    const model: Script["model"] = () => asks(["mail-read", { id: "1" }]);
    for (const [limits, code] of [
      [{ steps: 2 }, "limits.steps"],
      [{ tokens: 20 }, "limits.tokens"],
    ] as const) {
      await using run = await running({ ...readTwo, model, limits });
      expect(await run.ended()).toMatchObject({ outcome: "failed", code });
    }
    await using run = await running(
      { ...readTwo, limits: { wallMs: 500 } },
      await outside.bundle(hostile.NEVER_RETURNS),
    );
    expect(await run.ended()).toMatchObject({ outcome: "failed", code: "limits.time" });
  });

  test("cancelling kills the worker and tells nobody else", async () => {
    await using run = await running(readTwo);
    run.peers.cancelled = true;
    await until(() => run.recorded.includes("worker.killed task.cancelled"));
    expect(run.peers.log).not.toContain("finish done");
  });

  verifies("S10", "the lease is renewed while the model thinks", async () => {
    const thinkMs = 3_000;
    await using run = await running({
      ...readTwo,
      model: async (step, request) => {
        if (step === 0) await new Promise((resolve) => setTimeout(resolve, thinkMs));
        return readTwo.model(step, request);
      },
    });
    expect((await run.ended()).outcome).toBe("done");
    expect(run.peers.log.filter((line) => line === "save 0").length).toBeGreaterThanOrEqual(1);
    expect(run.peers.handedOut).toBe(1);
  });

  verifies(
    "S10",
    "a host that has lost its task to another kills its worker and touches the task no more",
    async () => {
      await using run = await running({ ...readTwo, call: () => ({ status: "pending" }) });
      await until(() => run.peers.calls.length > 0);
      run.peers.takeAway();
      await until(() => run.recorded.includes("worker.killed snapshot.conflict"));
      expect(run.peers.log.some((line) => line.startsWith("finish"))).toBe(false);
    },
  );

  verifies("S10", "a host that ends gives its tasks back", async () => {
    const run = await running({ ...readTwo, call: () => ({ status: "pending" }) });
    await until(() => run.peers.calls.length > 0);
    await run[Symbol.asyncDispose]();
    expect(run.peers.log.at(-1)).toBe("finish released");
  });
});

describe("an agent of a user's own, in plain LangChain", () => {
  verifies("S10", "runs again from its start after a wait, on recorded answers and under the same ids", async () => {
    let approved = false;
    const own = await workerBundle(outside.dir, fileURLToPath(new URL("./own-agent.ts", import.meta.url)));
    const script: Script = {
      model: () => asks(["mail-read", { id: "1" }], ["mail-send", { to: "ana" }]),
      call: ({ tool }) => (tool === "mail-send" && !approved ? { status: "pending", proposal: "p-1" } : result(tool)),
    };
    await using run = await running(script, own);
    await until(() => run.peers.state === "parked");
    approved = true;
    run.peers.wake();
    const { outcome, result: ref } = await run.ended();
    expect([outcome, run.peers.texts.get(ref ?? "")]).toEqual(["done", "mail-read and mail-send"]);
    expect(run.peers.models.map(({ id }) => id)).toEqual(["t-1.0.m"]);
    expect(run.peers.calls.map(({ callId }) => callId)).toEqual(["t-1.0.0", "t-1.0.1", "t-1.0.1"]);
  });
});

describe("a hostile worker under its host", () => {
  verifies("S8", "it can name no piece that it was not given", async () => {
    const stolen = "c-0000000000000000000secret1";
    const snapshot = {
      v: 1,
      step: 1,
      state: "thinking",
      used: { inputTokens: 0, outputTokens: 0, calls: 0 },
      turns: [{ step: 0, reply: stolen, calls: [] }],
    };
    const lines = [
      { kind: "save", id: 1, snapshot },
      { kind: "finish", id: 1, outcome: "done", result: { ref: stolen } },
      { kind: "model", id: 1, step: 0, tools: [], messages: [{ role: "tool", toolCallId: "a", ref: stolen }] },
    ];
    for (const line of lines) {
      await using run = await running(readTwo, await outside.bundle(hostile.says(JSON.stringify(line))));
      run.peers.texts.set(stolen, "another task's text");
      expect(await run.ended()).toMatchObject({ outcome: "failed", code: "worker.protocol" });
      expect(run.recorded).toContain("security.forged worker.protocol");
      expect(run.peers.models).toEqual([]);
    }
  });

  verifies(["S8", "ZT-02"], "its calls carry the host's task, whatever it says", async () => {
    const call = {
      kind: "call",
      id: 1,
      step: 7,
      index: 3,
      tool: "mail-read",
      args: { task: "t-2", callId: "t-2.0.0" },
    };
    await using run = await running(readTwo, await outside.bundle(hostile.says(JSON.stringify(call))));
    await until(() => run.peers.calls.length > 0);
    expect(run.peers.calls[0]).toMatchObject({ callId: "t-1.7.3", task: "t-1", agent: "inbox" });
  });

  test("asking for a tool that its agent does not have is refused and recorded, and reaches nobody", async () => {
    const call = { kind: "call", id: 1, step: 0, index: 0, tool: "payments-transfer", args: {} };
    await using run = await running(readTwo, await outside.bundle(hostile.says(JSON.stringify(call))));
    await until(() => run.recorded.includes("call.refused tool.undeclared"));
    expect(run.peers.calls).toEqual([]);
  });

  test("flooding ends the task and is recorded", async () => {
    await using run = await running(readTwo, await outside.bundle(hostile.ONE_ENDLESS_LINE));
    expect(await run.ended()).toMatchObject({ outcome: "failed", code: "worker.flood" });
    expect(run.recorded).toContain("security.flood worker.flood");
  });
});
