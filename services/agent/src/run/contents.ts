import { BulkheadError } from "@bulkhead/core";
import { ModelAnswer, type ModelMessage, type PipeMessage, type Snapshot } from "@bulkhead/schemas";

/** The most that a model request carries, below the bus's limit for a message. */
const REQUEST_BYTES = 700 * 1024;
const OMITTED = "[left out: the conversation has become too long]";

/**
 * The pieces that this worker may name: those that the host has delivered to it. A reference from elsewhere would be another
 * task's text (S8).
 */
export class Contents {
  private readonly texts = new Map<string, string>();

  add(ref: string, text: string): void {
    this.texts.set(ref, text);
  }

  has(ref: string): boolean {
    return this.texts.has(ref);
  }

  /** @throws BulkheadError `worker.protocol` for a reference that was not delivered */
  text(ref: string): string {
    const text = this.texts.get(ref);
    if (text === undefined)
      throw new BulkheadError("worker.protocol", "The worker names a piece that it was not given.");
    return text;
  }

  /** @throws BulkheadError `worker.protocol` */
  check(snapshot: Snapshot): void {
    for (const ref of refsOf(snapshot)) this.text(ref);
  }

  /** The texts that a snapshot names, for a worker that starts from it. */
  snapshotTexts(snapshot: Snapshot): [ref: string, text: string][] {
    return refsOf(snapshot).map((ref) => [ref, this.text(ref)]);
  }

  /** Messages with their texts, the oldest results left out where all together are too long. */
  resolve(messages: readonly PipeMessage[]): ModelMessage[] {
    const resolved = messages.map((message) => this.message(message));
    let bytes = resolved.reduce((sum, message) => sum + sizeOf(message), 0);
    for (const [at, message] of resolved.entries()) {
      if (bytes <= REQUEST_BYTES) break;
      if (message.role !== "tool" && message.role !== "user") continue;
      if (at < 2) continue;
      resolved[at] = { ...message, text: OMITTED };
      bytes -= sizeOf(message) - OMITTED.length;
    }
    return resolved;
  }

  private message(message: PipeMessage): ModelMessage {
    if (!("ref" in message)) return message;
    const text = this.text(message.ref);
    if (message.role === "tool") return { role: "tool", toolCallId: message.toolCallId, text };
    return { role: "assistant", ...ModelAnswer.parse(JSON.parse(text)) };
  }
}

export function refsOf(snapshot: Snapshot): string[] {
  const calls = snapshot.turns.flatMap((turn) => turn.calls.flatMap(({ ref }) => (ref === undefined ? [] : [ref])));
  return [...snapshot.turns.map((turn) => turn.reply), ...calls];
}

function sizeOf(message: ModelMessage): number {
  return Buffer.byteLength(JSON.stringify(message));
}
