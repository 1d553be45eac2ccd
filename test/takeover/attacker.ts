import { type Envelope, sign } from "@bulkhead/core";
import { actionDigest, termsDigest } from "@bulkhead/policy";
import type { Action, Grant, Label, Lease, ProposalTerms, Tier } from "@bulkhead/schemas";
import type { TestRuntime } from "../harness/runtime.ts";

/** What an attacker forges with the keys that they have. Everything is well-formed; only the signer may be wrong. */
export interface Attacker {
  lease(signer: string, fields: Partial<Lease> & { readonly task: string }): Promise<Envelope>;
  action(tool: string, args: Action["args"], fields?: Partial<Action>): Action;
  grant(
    signer: string,
    action: Action,
    tier: Tier,
    fields?: Partial<Grant> & { readonly labels?: Label[] },
  ): Promise<Envelope>;
  terms(action: Action, fields?: Partial<ProposalTerms>): ProposalTerms;
  /** A decision over these terms, signed with one identity's key and issued in the name of another (or the same). */
  decision(signer: string, terms: ProposalTerms, issuer?: string): Promise<Envelope>;
}

let calls = 0;

/** An attacker in possession of the key files of the identities that it names. */
export function attacker(rt: TestRuntime): Attacker {
  const { policy } = rt.constellation;
  const signAs = async (signer: string, type: string, body: unknown, issuer = signer): Promise<Envelope> =>
    sign((await rt.keys(signer)).key, issuer, type, body);
  return {
    lease: (signer, fields) => signAs(signer, "lease", leaseOf(fields)),
    action: (tool, args, fields = {}) => {
      const task = fields.task ?? `t-attack-${++calls}`;
      const toolHash = policy.tool(tool)?.hash ?? "";
      return {
        v: 1,
        agent: "inbox",
        principal: "operator-ana",
        task,
        callId: `${task}.0.0`,
        tool,
        toolHash,
        args,
        policyEpoch: policy.epoch,
        ...fields,
      };
    },
    grant: (signer, action, tier, fields = {}) => signAs(signer, "grant", grantOf(action, tier, fields)),
    terms: (action, fields = {}) => ({
      v: 1,
      id: `p-attack-${++calls}`,
      action: actionDigest(action),
      tool: action.tool,
      tier: "CONFIRM",
      mode: "ask",
      policyEpoch: action.policyEpoch,
      expiresAt: Date.now() + 600_000,
      nonce: "n".repeat(22),
      ...fields,
    }),
    decision: (signer, terms, issuer) =>
      signAs(
        signer,
        "decision",
        { v: 1, proposal: terms.id, digest: termsDigest(terms), action: terms.action, outcome: "approve" },
        issuer,
      ),
  };
}

function leaseOf(fields: Partial<Lease> & { readonly task: string }): Lease {
  const expiresAt = Date.now() + 60_000;
  return {
    v: 1,
    agent: "inbox",
    epoch: 1,
    expiresAt,
    textDigest: `sha256:${"0".repeat(64)}`,
    principal: "operator-ana",
    ceiling: "AUTO",
    depth: 0,
    ...fields,
  };
}

function grantOf(action: Action, tier: Tier, fields: Partial<Grant>): Grant {
  const { agent, task, callId, tool, policyEpoch } = action;
  // Both signers sign the same bytes, so the time is the same for both.
  const now = Math.floor(Date.now() / 20_000) * 20_000;
  return {
    v: 1,
    action: actionDigest(action),
    agent,
    task,
    callId,
    tool,
    tier,
    labels: [],
    policyEpoch,
    notBefore: now,
    expiresAt: now + 60_000,
    ...fields,
  };
}
