import { defineAgent, runWorker } from "@bulkhead/sdk";
import { HumanMessage, ToolMessage } from "@langchain/core/messages";

/** An agent of a user's own: plain LangChain, one tool at a time, no loop of the runtime's. */
const agent = defineAgent({
  run: async ({ task, model, tools }) => {
    const bound = model.bindTools(tools);
    const asked = await bound.invoke([new HumanMessage(task.text)]);
    console.log("asked for", asked.tool_calls?.length, "calls");
    const results = await Promise.all(
      (asked.tool_calls ?? []).map(async (call) => {
        const tool = tools.find(({ name }) => name === call.name);
        const message: unknown = await tool?.invoke({ ...call, type: "tool_call" });
        return ToolMessage.isInstance(message) ? message.text : "";
      }),
    );
    return results.join(" and ");
  },
});

void runWorker(agent);
