/**
 * Owns: what each identity may publish and subscribe to, computed from the contract map and the policy.
 * Does not own: whether a message is believed (signatures, checked by whoever acts on it).
 * Invariants: allow lists only (ZT-04); publish lists hold no wildcard but inboxes of callers, own acknowledgements, own
 * timers, and labels of tasks not yet known; nobody may answer outside `_INBOX.<caller>.` (ZT-05); nobody but the
 * provisioner may touch a stream or consumer; hosts, clients and viewers have no JetStream right at all, since whoever may read
 * from a stream may have the answer delivered anywhere; a viewer only asks; work is handed on only by tool sets that have a tool for it.
 */
import { type Contract, type ContractName, mayAct, type Role, roleOf, typeOf } from "@bulkhead/schemas";
import {
  contractRows,
  expand,
  identitiesOf,
  type Participants,
  publishableValues,
  servedSubject,
} from "./participants.ts";
import { ackSubject, deliverSubject, streamOf, streamPlans } from "./streams.ts";

/** Subjects that an identity may publish and subscribe to. Everything else is denied. */
export interface Permissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

/** The identity that creates streams and consumers, and does nothing else. */
export const PROVISIONER = "provisioner";

/** The permissions of every identity in the policy's trust. */
export function permissionsOf(participants: Participants): ReadonlyMap<string, Permissions> {
  const rows = Object.keys(participants.trust).map((identity): [string, Permissions] => [
    identity,
    identity === PROVISIONER ? provisioner(participants) : member(identity, participants),
  ]);
  return new Map(rows);
}

function member(identity: string, participants: Participants): Permissions {
  const role = roleOf(identity);
  const publish = new Set<string>();
  const subscribe = new Set([`_INBOX.${identity}.>`]);
  for (const [name, contract] of contractRows) {
    if (role === undefined) break;
    if (contract.publishers.includes(role) && isEntitled(name, identity, participants))
      addAll(publish, published(contract, identity, participants));
    if (!contract.consumers.includes(role)) continue;
    addAll(publish, answered(contract, { identity, role }, participants));
    addAll(subscribe, received(contract, identity));
  }
  return { publish: [...publish].sort(), subscribe: [...subscribe].sort() };
}

/** Within a role: what its members need differs. */
function isEntitled(name: ContractName, identity: string, participants: Participants): boolean {
  if (name === "submit" && roleOf(identity) === "exec")
    return handsOnWork(identity.slice("exec-".length), participants);
  return typeOf(name) === "query" || mayAct(participants.operators, identity);
}

/** A `tasks` connection, or code of the user's own, which may submit tasks as well. */
function handsOnWork(toolset: string, { tools, toolsets }: Participants): boolean {
  const own = Object.values(tools).filter((tool) => tool.toolset === toolset);
  const connected = toolsets[toolset]?.connections.some(({ kind }) => kind === "tasks") === true;
  return connected || own.some(({ adapter }) => adapter.kind === "bundle");
}

function published(contract: Contract, identity: string, participants: Participants): string[] {
  return expand(contract.subject, (placeholder) => publishableValues(placeholder, identity, participants));
}

function answered(
  contract: Contract,
  { identity, role }: { readonly identity: string; readonly role: Role },
  participants: Participants,
): string[] {
  if (contract.kind === "request") {
    return identitiesOf(contract.publishers, participants).map((caller) => `_INBOX.${caller}.>`);
  }
  if (contract.kind === "kv") {
    const reads = role !== "host" && mayAct(participants.operators, identity);
    return reads ? [`$JS.API.STREAM.MSG.GET.KV_${bucketOf(contract)}`] : [];
  }
  return contract.stream ? [ackSubject(streamOf(contract.stream, identity), identity)] : [];
}

function received(contract: Contract, identity: string): string[] {
  if (contract.stream) return [deliverSubject(streamOf(contract.stream, identity), identity)];
  if (contract.kind !== "kv") return [servedSubject(contract, identity)];
  return bucketOf(contract) === "control" ? ["$KV.control.>"] : [];
}

function bucketOf(contract: Contract): string {
  return contract.subject.split(".")[1] ?? "";
}

function provisioner(participants: Participants): Permissions {
  const publish = streamPlans(participants, 0).flatMap(({ stream, consumers }) => [
    ...["CREATE", "UPDATE", "INFO"].map((verb) => `$JS.API.STREAM.${verb}.${stream.name}`),
    `$JS.API.CONSUMER.NAMES.${stream.name}`,
    ...consumers.flatMap(({ durable_name: durable }) => [
      `$JS.API.CONSUMER.DURABLE.CREATE.${stream.name}.${durable}`,
      `$JS.API.CONSUMER.INFO.${stream.name}.${durable}`,
    ]),
  ]);
  return { publish, subscribe: [`_INBOX.${PROVISIONER}.>`] };
}

function addAll(target: Set<string>, items: Iterable<string>): void {
  for (const item of items) target.add(item);
}
