import type { TaskSubmission } from "@bulkhead/schemas";
import { messageIdOf, type OfficeMail } from "./mails.ts";

/** A task and the agent that it is for. */
export interface Work {
  readonly agent: string;
  readonly task: TaskSubmission;
}

const BATCH = 4;

/** The inbox agent's day: the mails in batches, named by id. The texts say which mails, never what is in them. */
export function inboxWork(mails: readonly OfficeMail[]): Work[] {
  const batches = Array.from({ length: Math.ceil(mails.length / BATCH) }, (_, n) =>
    mails.slice(n * BATCH, (n + 1) * BATCH),
  );
  return batches.map((batch, n) => ({
    agent: "inbox",
    task: { title: `Inbox, part ${n + 1} of ${batches.length}`, text: textFor(batch) },
  }));
}

/** What marketing is asked to do. */
export const MARKETING_WORK: Work = {
  agent: "marketing",
  task: {
    title: "A post for the colleagues",
    text: "Read the file today.md and post it to the channel.",
  },
};

function textFor(batch: readonly OfficeMail[]): string {
  return `Work through these mails of the INBOX: ${batch.map(messageIdOf).join(", ")}.`;
}
