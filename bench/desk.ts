/** A constellation in which the benchmark plays the host that asks, and the person who decides. */
import { join } from "node:path";
import { hrtime } from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { type Bus } from "@bulkhead/bus";
import { newId, sign } from "@bulkhead/core";
import type { CallReply, Lease, ProposalView } from "@bulkhead/schemas";
import type { TestRuntime } from "../test/harness/runtime.ts";
import { stampsIn } from "./stamps.ts";

/** What a host and an approver do. */
export interface Desk {
  /** Asks for a stamp that nobody has asked for until it waits for a person. */
  open(signal?: AbortSignal): Promise<ProposalView>;
  approve(proposal: ProposalView): Promise<void>;
  /** When the stamps of a call were made (ms of the machine's clock): none, one, or too many. */
  stamps(): ReadonlyMap<string, readonly number[]>;
  /** How many of these are in each state: `failed approval.expired`. */
  states(calls: readonly ProposalView[]): Promise<Readonly<Record<string, number>>>;
  /** Waits until these calls have stamped, or the time is over. */
  stamped(callIds: readonly string[], withinMs: number): Promise<void>;
}

/** The machine's clock in ms, the same in all processes. */
export const clockMs = (): number => Number(hrtime.bigint()) / 1e6;

/** Opens the desk of a running constellation. */
export async function openDesk(rt: TestRuntime): Promise<Desk> {
  const host = await rt.as("host-inbox");
  const { key } = await rt.keys("tasks");
  const stamps = stampsIn(join(rt.dir, "marks.txt"));
  return {
    open: async (signal) => {
      const task = newId("t");
      const lease = sign(key, "tasks", "lease", leaseOf(task));
      const id = await opened(host, { callId: `${task}.0.0`, task, agent: "inbox", tool: "stamp", lease }, signal);
      return await persistently(
        async () => (await rt.ana.ask({ kind: "proposals.show", proposal: id })).proposal,
        signal,
      );
    },
    approve: (proposal) => rt.ana.decide(proposal, { outcome: "approve" }),
    stamps,
    states: async (calls) => {
      const counts: Record<string, number> = {};
      for (const { id } of calls) {
        const show = async () => (await rt.ana.ask({ kind: "proposals.show", proposal: id })).proposal;
        const { state, code = "" } = await persistently(show);
        const name = `${state} ${code}`.trim();
        counts[name] = (counts[name] ?? 0) + 1;
      }
      return counts;
    },
    stamped: async (callIds, withinMs) => {
      const deadline = clockMs() + withinMs;
      while (clockMs() < deadline && !callIds.every((id) => stamps().has(id))) await sleep(3);
    },
  };
}

interface Asked {
  readonly callId: string;
  readonly task: string;
  readonly agent: string;
  readonly tool: string;
  readonly lease: ReturnType<typeof sign>;
}

async function opened(host: Bus, asked: Asked, signal?: AbortSignal): Promise<string> {
  const request = { ...asked, args: { word: asked.task } };
  return await persistently(async () => {
    const reply: CallReply = await host.request("call", request, { values: { agent: "inbox", tool: "stamp" } });
    return reply.status === "pending" ? reply.proposal : undefined;
  }, signal);
}

/** Asks as a patient host does: again until there is an answer. */
export async function persistently<T>(
  ask: () => Promise<T | undefined>,
  signal?: AbortSignal,
  forMs = 60_000,
): Promise<T> {
  const deadline = performance.now() + forMs;
  for (;;) {
    const found = await ask().catch((error: unknown) => {
      if (performance.now() > deadline) throw error;
    });
    if (found !== undefined) return found;
    signal?.throwIfAborted();
    if (performance.now() > deadline) throw new Error("nobody answered");
    await sleep(50);
  }
}

function leaseOf(task: string): Lease {
  const terms = { v: 1, agent: "inbox", task, epoch: 1, expiresAt: Date.now() + 900_000 } as const;
  const textDigest = `sha256:${"0".repeat(64)}` as const;
  return { ...terms, textDigest, principal: "operator-ana", ceiling: "AUTO", depth: 0 };
}
