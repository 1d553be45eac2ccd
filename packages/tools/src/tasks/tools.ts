import { createHash } from "node:crypto";
import { z } from "zod";
import { defineConnection } from "../connection.ts";
import type { ToolContext } from "../context.ts";
import { defineTool, type Tool } from "../define.ts";

const Settings = z.strictObject({
  /** Who may be given work. */
  agents: z
    .array(z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/))
    .min(1)
    .max(64),
});

/** Hands work to another agent. The new task starts with label A and never exceeds the ceiling of the one that asked (TIER-10). */
export const tasksConnection = defineConnection({
  kind: "tasks",
  settings: Settings,
  tools: (name, settings) => [create(name, settings.agents)],
});

function create(connection: string, agents: readonly string[]): Tool {
  return defineTool({
    name: `${connection}-create`,
    tier: "AUTO+",
    description: `Gives a task to another agent (${agents.join(", ")}). It works on its own; there is no answer to wait for.`,
    sentence: "Give the agent {agent} the task {title}",
    effects: ["state"],
    reads: [],
    rollback: { mode: "hold" },
    timeoutMs: 10_000,
    input: z.strictObject({
      agent: z.enum(agents as [string, ...string[]]),
      title: z.string().min(1).max(200),
      text: z.string().min(1).max(32_000),
    }),
    run: submit,
    // The intake keeps one task per id: submitting the same again is how it is asked.
    readBack: async (args, context) => ({ found: true, result: await submit(args, context) }),
  });
}

async function submit(args: { agent: string; title: string; text: string }, { tasks, effectId }: ToolContext) {
  const id = `t-${createHash("sha256").update(effectId).digest("hex").slice(0, 26)}`;
  await tasks.submit({ id, ...args });
  return { task: id, agent: args.agent };
}
