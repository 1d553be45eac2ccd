import type { ProposalView } from "@bulkhead/schemas";
import { expect, test } from "vitest";
import { describeProposal } from "./proposal.ts";
import { paintFor } from "./terminal.ts";

const digest = `sha256:${"0".repeat(64)}`;
const terms = {
  v: 1,
  id: "p-1",
  action: digest,
  tool: "files-write",
  tier: "CONFIRM",
  mode: "ask",
  policyEpoch: digest,
} as const;
const asked = {
  v: 1,
  agent: "inbox",
  principal: "operator-ana",
  task: "t",
  callId: "t.0.0",
  tool: "files-write",
} as const;

const shownWith = (args: ProposalView["action"]["args"]): string =>
  describeProposal(
    {
      ...{ id: "p-1", state: "pending", tier: "CONFIRM", labels: [], reasons: [], openedAt: 0, asked: 1 },
      ...{ mode: "ask", dueAt: 0, needed: 1, approvedBy: [] },
      terms: { ...terms, expiresAt: 0, nonce: "n".repeat(22) },
      action: { ...asked, toolHash: digest, policyEpoch: digest, args },
    },
    paintFor({}, {}),
  );

test("PROP-08: an argument is shown as it is: no blank is left out, and nothing hides", () => {
  expect(shownWith({ path: " a  b\u00a0c.txt " })).toContain("  path:  a  b\u00a0c.txt \n");
  expect(shownWith({ path: "a\rb\x1b[2J\u202e" })).toContain("  path: a\\x0db\\x1b[2J\\u202e\n");
});
