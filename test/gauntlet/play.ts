import { newId } from "@bulkhead/core";
import type { CallReply, ProposalView } from "@bulkhead/schemas";
import { connectStore } from "@bulkhead/store";
import type { ExecRequest, World } from "../decisions/world.ts";
import { eventually } from "../harness/eventually.ts";

/** One call of a task of its own, as the agent's host asks for it. */
export interface Play {
  readonly task: string;
  ask(): Promise<CallReply>;
  /** The proposal that the call waits for. */
  proposal(): Promise<ProposalView>;
  /** The call's end. */
  ended(): Promise<CallReply>;
  /** What the executor was asked to run for the task. */
  ran(): readonly ExecRequest[];
}

let texts = 0;

/** A call that nobody has asked before. */
export function play(world: World, tool: string, args: object = { text: `text ${++texts}` }, task = newId("t")): Play {
  const ask = () => world.ask(tool, { task, args });
  return {
    task,
    ask,
    proposal: async () => {
      const id = await eventually(async () => {
        const reply = await ask();
        return reply.status === "pending" ? reply.proposal : undefined;
      });
      return await world.proposal(id);
    },
    ended: () =>
      eventually(async () => {
        const reply = await ask();
        return reply.status === "pending" ? undefined : reply;
      }),
    ran: () => world.executed.filter(({ action }) => action.task === task),
  };
}

/** The proposal when it is in this state. */
export function becomes(world: World, id: string, state: ProposalView["state"]): Promise<ProposalView> {
  return eventually(async () => {
    const proposal = await world.proposal(id);
    return proposal.state === state ? proposal : undefined;
  });
}

/** The database of `proposals`, with the service's own user: what somebody who took it over could write. */
export async function proposalStore({ constellation: { database, keys } }: World) {
  const { user, password } = keys.get("proposals")?.mongo ?? { user: "", password: "" };
  return await connectStore({ url: database.url, db: "bh_proposals", user, password });
}
