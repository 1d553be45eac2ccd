/**
 * Owns: answering requests. Does not own: what the answer is (handlers), who may ask (contract map).
 * Invariants: an answer goes only to the inbox of the identity whose signature was verified (ZT-05); before that, an error
 * goes only to the one identity that the bus permits to publish on this subject at all; no stack or cause leaves the process.
 */
import { BulkheadError, toWire } from "@bulkhead/core";
import { CONTRACTS, type ContractName, type ReplyOf } from "@bulkhead/schemas";
import type { Msg } from "@nats-io/transport-node";
import { createGate } from "./gate.ts";
import type { Link } from "./link.ts";
import { contractRows, identitiesOf, parseSubject, servedSubject } from "./participants.ts";
import type { Received, RequestName, ServeOptions } from "./port.ts";
import { isPinned, unseal } from "./seal.ts";

const MAX_QUEUED = 2_048;
const encoder = new TextEncoder();

/** Serves a contract. See the port. */
export function serve<N extends RequestName>(
  link: Link,
  name: N,
  handler: (request: Received<N>) => Promise<ReplyOf<N>>,
  options: ServeOptions = {},
): void {
  const gate = createGate(options.concurrency ?? 64, MAX_QUEUED);
  link.gates.push(gate);
  const onMessage = (msg: Msg): void => {
    const admitted = gate.admit(() => handle(link, name, msg, handler));
    if (!admitted) refuse(link, name, msg, new BulkheadError("unavailable", "(too many requests)"));
  };
  const subscription = link.nc.subscribe(servedSubject(CONTRACTS[name], link.identity), {
    queue: link.identity,
    callback: (error, msg) => {
      if (error) link.report({ kind: "error", subject: CONTRACTS[name].subject, error });
      else onMessage(msg);
    },
  });
  link.subscriptions.push(subscription);
}

async function handle<N extends RequestName>(
  link: Link,
  name: N,
  msg: Msg,
  handler: (request: Received<N>) => Promise<ReplyOf<N>>,
): Promise<void> {
  try {
    const opened = unseal(link, name, msg.subject, msg.data);
    if (!isInboxOf(opened.issuer, msg.reply)) throw new BulkheadError("bus.reply-subject", `(${opened.issuer})`);
    const value = await outcome(() => handler({ ...opened, signal: link.closing }), link, msg.subject);
    answer(link, msg, value);
  } catch (error) {
    refuse(link, name, msg, error);
  }
}

async function outcome(run: () => Promise<unknown>, link: Link, subject: string): Promise<unknown> {
  try {
    return { ok: true, value: await run() };
  } catch (error) {
    if (!(error instanceof BulkheadError)) link.report({ kind: "error", subject, error });
    return { ok: false, error: toWire(error) };
  }
}

/** Tells the only possible caller why; if there is more than one, or the answer should go elsewhere, nobody. */
function refuse(link: Link, name: ContractName, msg: Msg, error: unknown): void {
  link.report({ kind: "refused", subject: msg.subject, error });
  const caller = soleCaller(link, name, msg.subject);
  if (caller !== undefined && isInboxOf(caller, msg.reply)) answer(link, msg, { ok: false, error: toWire(error) });
}

function answer(link: Link, msg: Msg, value: unknown): void {
  try {
    msg.respond(encoder.encode(JSON.stringify(value)));
  } catch (error) {
    link.report({ kind: "error", subject: msg.subject, error });
  }
}

function isInboxOf(identity: string, reply: string | undefined): boolean {
  return reply?.startsWith(`_INBOX.${identity}.`) === true;
}

function soleCaller(link: Link, name: ContractName, subject: string): string | undefined {
  const contract = contractRows.find(([row]) => row === name)?.[1];
  const values = contract && parseSubject(contract.subject, subject);
  if (contract === undefined || values === undefined) return undefined;
  const participants = { agents: {}, tools: {}, toolsets: {}, clients: {}, operators: {}, trust: link.trust };
  const callers = identitiesOf(contract.publishers, participants).filter((caller) =>
    isPinned(contract, caller, values),
  );
  return callers.length === 1 ? callers[0] : undefined;
}
