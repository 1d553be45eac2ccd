import { afterAll, beforeAll, expect, test } from "vitest";
import { startWorld, type World } from "./world.ts";

const MIB = 1_048_576;
const PIECE = new Uint8Array(MIB - 4_096);
/** More than any stream of this size could hold. */
const MANY = 400;

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(async () => {
  await (world as World | undefined)?.[Symbol.asyncDispose]();
});

interface Ack {
  readonly seq?: number;
  readonly error?: { readonly description: string };
}

/** Publishes with a plain client, which has only what the server answers, until it is refused. */
async function flood(identity: string, subject: string): Promise<{ acknowledged: number[]; refused: Ack }> {
  const nc = await world.raw(identity);
  const acknowledged: number[] = [];
  for (let n = 0; n < MANY; n++) {
    const ack = (await nc.request(subject, PIECE, { timeout: 5_000 })).json<Ack>();
    if (ack.error !== undefined) return { acknowledged, refused: ack };
    acknowledged.push(ack.seq ?? 0);
  }
  throw new Error(`${subject} took everything`);
}

async function state(stream: string): Promise<{ messages: number; first_seq: number; bytes: number }> {
  const nc = await world.raw("provisioner");
  const info = await nc.request(`$JS.API.STREAM.INFO.${stream}`, "", { timeout: 2_000 });
  return info.json<{ state: { messages: number; first_seq: number; bytes: number } }>().state;
}

test.each([
  ["INTAKE", "client-web", "bh.task.submit.inbox"],
  ["DECISIONS", "operator-ana", "bh.decision.ana"],
  ["DEAD", "tasks", "bh.dead.tasks"],
])(
  "a flood of %s is refused, and nothing that was acknowledged is dropped for it",
  async (stream, identity, subject) => {
    const { acknowledged, refused } = await flood(identity, subject);
    expect(refused.error?.description).toContain("maximum bytes exceeded");
    expect(acknowledged).toEqual(Array.from({ length: acknowledged.length }, (_, n) => n + 1));
    const { messages, first_seq, bytes } = await state(stream);
    expect([messages, first_seq]).toEqual([acknowledged.length, 1]);
    expect(bytes).toBeLessThanOrEqual(256 * MIB);
  },
  60_000,
);

test("a full intake has a code of its own, leaves the record alone, and takes tasks again once there is room", async () => {
  await using ana = await world.bus("operator-ana");
  await using gateway = await world.bus("gateway");
  const text = "x".repeat(100_000);
  const submit = () => ana.publish("submit", { title: "One more", text }, { values: { agent: "inbox" } });
  const rest = async (): Promise<never> => {
    for (;;) await submit();
  };
  await expect(rest()).rejects.toMatchObject({ code: "bus.full", disposition: "retry" });
  const entry = { v: 1 as const, event: "call.decided" as const, instance: "gateway-00000001", counter: 1, at: 1 };
  expect(await gateway.publish("audit", { ...entry, causes: [] })).toMatchObject({ stream: "AUDIT" });
  const nc = await world.raw("tasks");
  for await (const message of nc.subscribe("bh.deliver.tasks.intake", { queue: "tasks", max: 2 })) message.respond();
  await expect.poll(async () => (await state("INTAKE")).first_seq, { timeout: 5_000 }).toBeGreaterThan(1);
  expect(await submit()).toMatchObject({ stream: "INTAKE" });
});
