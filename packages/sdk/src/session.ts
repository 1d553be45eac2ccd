/**
 * Owns: a task's journal inside its worker: which step is next, which answers and results are recorded, what the snapshot says.
 * Does not own: what to say to the model (turn/), the pipe (pipe-client.ts), the lease and the ids' first part (the host).
 * Invariants: S10. An answer is returned only after it is saved, together with the calls made from it: so no call is made before
 * its id is durable. What is recorded is returned and not asked again: an agent that is run again from its start makes the
 * same requests under the same ids.
 */
import { ERROR_CODES, isErrorCode } from "@bulkhead/core";
import {
  ModelAnswer,
  type PipeCallOutcome,
  type PipeMessage,
  type PipeStart,
  type Snapshot,
  type SnapshotCall,
  type Usage,
} from "@bulkhead/schemas";
import type { PipeClient } from "./pipe-client.ts";
import { PipeError } from "./pipe-error.ts";

/** A model's answer as recorded. `ref` is missing when its call ids had to be made distinct. */
export interface Answer {
  readonly step: number;
  readonly ref?: string;
  readonly answer: ModelAnswer;
  readonly usage: Usage;
}

/** What to ask a model. */
export interface Question {
  readonly messages: readonly PipeMessage[];
  readonly tools: readonly string[];
  readonly maxOutputTokens?: number | undefined;
}

/** Where a call stands within its task. */
export type Place = Pick<SnapshotCall, "step" | "index">;

const NOTHING: Usage = { inputTokens: 0, outputTokens: 0 };
const EMPTY: Snapshot = { v: 1, step: 0, state: "thinking", used: { ...NOTHING, calls: 0 }, turns: [] };

/** A task's journal inside its worker. */
export class TaskSession {
  /** The work as the host gave it. */
  readonly start: PipeStart;
  /** The reference of the newest answer, which may be the task's result. */
  lastAnswer: string | undefined;
  private readonly pipe: PipeClient;
  private readonly contents: Map<string, string>;
  private readonly snapshot: Snapshot;
  private step = 0;
  private parking: Promise<void> | undefined;

  constructor(pipe: PipeClient, start: PipeStart, contents: Map<string, string>) {
    this.pipe = pipe;
    this.start = start;
    this.contents = contents;
    this.snapshot = structuredClone(start.snapshot ?? EMPTY);
  }

  /** Aborts when the task is cancelled. */
  get signal(): AbortSignal {
    return this.pipe.signal;
  }

  /** Tokens used by this task so far, recorded answers included. */
  get tokens(): number {
    return this.snapshot.used.inputTokens + this.snapshot.used.outputTokens;
  }

  /** The next answer: the recorded one, or a new one, saved. @throws PipeError */
  async ask(question: Question): Promise<Answer> {
    const step = this.step++;
    const recorded = this.snapshot.turns.find((turn) => turn.step === step);
    if (recorded !== undefined) return this.recall(step, recorded.reply);
    const { messages, tools, maxOutputTokens } = question;
    const limit = maxOutputTokens === undefined ? {} : { maxOutputTokens };
    const reply = await this.pipe.ask({ kind: "model", step, messages: [...messages], tools: [...tools], ...limit });
    this.contents.set(reply.ref, JSON.stringify(reply.answer));
    await this.record(step, reply.ref, reply.answer, reply.usage);
    return distinct({ step, ref: reply.ref, answer: reply.answer, usage: reply.usage });
  }

  /** What became of a call: the recorded outcome, or the host's. `waiting` is recorded and returned. @throws PipeError */
  async call(place: Place, tool: string, args: Record<string, unknown>): Promise<PipeCallOutcome> {
    const entry = this.entry(place);
    const recorded = entry === undefined ? undefined : this.outcomeOf(entry);
    if (recorded !== undefined) return recorded;
    const json = args as Extract<Parameters<PipeClient["ask"]>[0], { kind: "call" }>["args"];
    const { outcome } = await this.pipe.ask({ kind: "call", step: place.step, index: place.index, tool, args: json });
    this.note(place, outcome);
    return outcome;
  }

  /** As `call`, but never `waiting`: parks the task as soon as nothing else is asked, and then does not return. @throws PipeError */
  async callOrPark(place: Place, tool: string, args: Record<string, unknown>): Promise<PipeCallOutcome> {
    for (;;) {
      const outcome = await this.call(place, tool, args);
      if (outcome.status !== "waiting") return outcome;
      this.parking ??= this.parkWhenIdle().finally(() => (this.parking = undefined));
      await this.parking;
    }
  }

  /** Notes a call that could not be made, so that it is not made after a restart. */
  failed(place: Place, code: string): void {
    this.note(place, { status: "failed", code, message: "" });
  }

  /** Parks the task. False: a decision came in between, so ask for the calls again. True: the process is killed soon. @throws PipeError */
  async park(): Promise<boolean> {
    const waitingFor = this.snapshot.turns.flatMap(({ calls }) =>
      calls.filter(isWaiting).map(({ step, index }) => ({ step, index })),
    );
    const { parked } = await this.pipe.ask({
      kind: "park",
      snapshot: { ...this.snapshot, state: "waiting" },
      waitingFor,
    });
    return parked;
  }

  /** Ends the task. @throws PipeError */
  async finish(
    outcome: "done" | "failed",
    end: { result?: { ref: string } | { text: string }; code?: string },
  ): Promise<void> {
    await this.pipe.ask({ kind: "finish", outcome, ...end });
  }

  /** Where the newest call with this id of the model's stands. */
  place(toolCallId: string): Place | undefined {
    const entries = this.snapshot.turns.filter(({ step }) => step < this.step).flatMap(({ calls }) => calls);
    return entries.findLast((entry) => entry.toolCallId === toolCallId);
  }

  private async record(step: number, ref: string, answer: ModelAnswer, usage: Usage): Promise<void> {
    const { answer: named } = distinct({ step, answer, usage });
    const calls = named.toolCalls.map((call, index) => ({
      step,
      index,
      toolCallId: call.id,
      tool: call.name,
      state: "pending" as const,
    }));
    this.snapshot.turns.push({ step, reply: ref, calls });
    this.snapshot.step = step + 1;
    this.snapshot.used.inputTokens += usage.inputTokens;
    this.snapshot.used.outputTokens += usage.outputTokens;
    this.snapshot.used.calls += calls.length;
    this.snapshot.state = calls.length > 0 ? "calling" : "thinking";
    this.lastAnswer = ref;
    await this.pipe.ask({ kind: "save", snapshot: this.snapshot });
  }

  private recall(step: number, ref: string): Answer {
    const text = this.contents.get(ref);
    if (text === undefined) throw new PipeError("content.missing");
    this.lastAnswer = ref;
    return distinct({ step, ref, answer: ModelAnswer.parse(JSON.parse(text)), usage: NOTHING });
  }

  private entry({ step, index }: Place): SnapshotCall | undefined {
    return this.snapshot.turns.find((turn) => turn.step === step)?.calls[index];
  }

  private outcomeOf(entry: SnapshotCall): PipeCallOutcome | undefined {
    const { state, ref, code } = entry;
    const text = ref === undefined ? undefined : this.contents.get(ref);
    if (state === "done" && ref !== undefined && text !== undefined) return { status: "done", ref, text };
    if (state === "failed" && code !== undefined)
      return { status: "failed", code, message: isErrorCode(code) ? ERROR_CODES[code].text : code };
    return undefined;
  }

  private note(place: Place, outcome: PipeCallOutcome): void {
    const entry = this.entry(place);
    if (entry === undefined) return;
    entry.state = outcome.status === "done" ? "done" : outcome.status === "waiting" ? "waiting" : "failed";
    if (outcome.status === "done") {
      entry.ref = outcome.ref;
      this.contents.set(outcome.ref, outcome.text);
    }
    if ("code" in outcome) entry.code = outcome.code;
  }

  private async parkWhenIdle(): Promise<void> {
    while (this.pipe.open > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    if (await this.park()) await new Promise<never>(() => undefined);
  }
}

function isWaiting(call: SnapshotCall): boolean {
  return call.state === "waiting";
}

function distinct(answer: Answer): Answer {
  const { toolCalls } = answer.answer;
  const ids = new Set(toolCalls.map(({ id }) => id));
  if (ids.size === toolCalls.length && !ids.has("")) return answer;
  const renamed = toolCalls.map((call, index) => ({ ...call, id: `call-${answer.step}-${index}` }));
  return { step: answer.step, usage: answer.usage, answer: { ...answer.answer, toolCalls: renamed } };
}
