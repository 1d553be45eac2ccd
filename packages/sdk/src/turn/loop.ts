import { AIMessage, type AIMessageChunk, type BaseMessage, HumanMessage, ToolMessage } from "@langchain/core/messages";
import type { DynamicStructuredTool } from "@langchain/core/tools";
import { initialTransition, type SnapshotFrom, transition } from "xstate";
import { bulkheadTools, CallWaiting } from "../agent-tools.ts";
import { BulkheadChatModel } from "../chat-model.ts";
import { PipeError } from "../pipe-error.ts";
import type { TaskSession } from "../session.ts";
import { openingMessages } from "./prompt.ts";
import { type TurnEvent, turnMachine } from "./turn.machine.ts";

/** How a loop ended. `parked`: nothing more is to do in this process. */
export type LoopEnd =
  | { readonly state: "finished" | "parked" | "cancelled" }
  | { readonly state: "failed"; readonly code: string };

type Call = NonNullable<AIMessage["tool_calls"]>[number];
type Bad = NonNullable<AIMessage["invalid_tool_calls"]>[number];

/** Runs the built-in agent: the model loop of one task, from its start or from where its snapshot left off. */
export async function runLoop(session: TaskSession): Promise<LoopEnd> {
  const loop = new Loop(session);
  const { limits } = session.start;
  let [state] = initialTransition(turnMachine, {
    maxSteps: limits.steps,
    maxTokens: limits.tokens,
    tokens: session.tokens,
  });
  while (state.status === "active") {
    for (const event of await loop.perform(state)) [state] = transition(turnMachine, state, event);
  }
  const end = state.value as LoopEnd["state"];
  return end === "failed" ? { state: end, code: state.context.code ?? "internal" } : { state: end };
}

class Loop {
  private readonly session: TaskSession;
  private readonly model: ReturnType<BulkheadChatModel["bindTools"]>;
  private readonly tools: Map<string, DynamicStructuredTool>;
  private readonly messages: BaseMessage[];
  private answer: AIMessage | AIMessageChunk = new AIMessage("");
  private readonly results = new Map<string, ToolMessage>();

  constructor(session: TaskSession) {
    this.session = session;
    const tools = bulkheadTools(session, session.call.bind(session));
    this.tools = new Map(tools.map((tool) => [tool.name, tool]));
    this.model = new BulkheadChatModel(session).bindTools(tools);
    this.messages = openingMessages(session.start);
  }

  async perform(state: SnapshotFrom<typeof turnMachine>): Promise<TurnEvent[]> {
    try {
      if (this.session.signal.aborted) return [{ type: "CANCELLED" }];
      if (state.value === "thinking") return [await this.think()];
      if (state.value === "calling") return await this.act();
      return [{ type: (await this.session.park()) ? "PARKED" : "NOT_PARKED" }];
    } catch (error) {
      return [{ type: "FAILED", code: error instanceof PipeError ? error.code : "worker.failed" }];
    }
  }

  private async think(): Promise<TurnEvent> {
    this.closeRound();
    this.answer = await this.model.invoke(this.messages);
    this.messages.push(this.answer);
    const calls = this.calls().length;
    const empty = this.answer.text.trim() === "";
    if (calls === 0 && empty)
      this.messages.push(new HumanMessage("Your answer was empty. Call a tool, or say what you did."));
    return { type: "ANSWERED", calls, empty, tokens: this.session.tokens };
  }

  private closeRound(): void {
    for (const { id = "" } of this.calls()) {
      const result = this.results.get(id);
      if (result !== undefined) this.messages.push(result);
    }
    this.results.clear();
  }

  private calls(): (Call | Bad)[] {
    return [...(this.answer.tool_calls ?? []), ...(this.answer.invalid_tool_calls ?? [])];
  }

  private async act(): Promise<TurnEvent[]> {
    const open = this.calls().filter(({ id = "" }) => !this.results.has(id));
    return Promise.all(open.map((call) => this.settle(call)));
  }

  private async settle(call: Call | Bad): Promise<TurnEvent> {
    const tool = this.tools.get(call.name ?? "");
    if (tool === undefined) return this.mistake(call, "tool.unknown", `There is no tool ${JSON.stringify(call.name)}.`);
    if (call.type !== "tool_call") return this.mistake(call, "args.invalid", "The arguments are no JSON object.");
    try {
      const result = (await tool.invoke({ ...call, type: "tool_call" })) as ToolMessage;
      return this.settled(call, result);
    } catch (error) {
      if (error instanceof CallWaiting) return { type: "CALL_SETTLED", status: "waiting" };
      if (error instanceof PipeError) throw error;
      return this.mistake(call, "args.invalid", "The arguments do not match the tool's input schema.");
    }
  }

  private settled(call: Call | Bad, result: ToolMessage): TurnEvent {
    this.results.set(call.id ?? "", result);
    const code = (result.artifact as { code?: string } | undefined)?.code;
    return { type: "CALL_SETTLED", status: code === "args.invalid" || code === "tool.unknown" ? "mistaken" : "useful" };
  }

  private mistake(call: Call | Bad, code: string, text: string): TurnEvent {
    const id = call.id ?? "";
    const place = this.session.place(id);
    if (place !== undefined) this.session.failed(place, code);
    const result = new ToolMessage({
      tool_call_id: id,
      status: "error",
      content: `Failed (${code}): ${text}`,
      artifact: { code },
    });
    return this.settled(call, result);
  }
}
