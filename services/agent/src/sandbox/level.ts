/** From the strongest to the weakest: what starts a worker, and so what holds it. */
export const SANDBOX_LEVELS = ["bwrap", "unshare", "node"] as const;
export type SandboxLevelName = (typeof SANDBOX_LEVELS)[number];

export interface SandboxLevel {
  readonly name: SandboxLevelName;
  readonly weak: boolean;
  /** Whether workers run as another user than their host. */
  readonly ownUser: boolean;
  readonly stops: readonly string[];
  readonly doesNotStop: readonly string[];
}

const NAMESPACES = [
  "files: nothing is there but the worker's code, Node and its libraries, read-only",
  "network: no interface, no TCP, no UDP, no DNS; no Unix socket outside is in sight",
  "processes: only its own are visible, to signal or to trace",
  "environment: empty",
  "outliving its host: the kernel kills it",
];
const ALWAYS = [
  "memory, processor time, open files, core dumps: resource limits",
  "files and child processes, once more: Node's permission model",
];
const KERNEL = "a hole in the kernel's namespaces";
const FORKS = "many processes: without another user the limit counts within the sandbox only";

const WEAK_STOPS = [
  "files and child processes: Node's permission model (not made against hostile code, as Node's documentation says)",
  "environment: empty",
  "memory, processor time, open files, core dumps: resource limits",
];
const WEAK_GAPS = [
  "network: TCP, UDP, DNS and Unix sockets are open; only what listens there protects itself",
  "any hole in Node's permission model opens every file that this user can read",
];
const SAME_USER = "signals to other processes of the same user, its host and other workers among them";

/** What a level stops and what it does not, in words for `status` and `doctor`. */
export function describeLevel(name: SandboxLevelName, ownUser: boolean): SandboxLevel {
  const base = { name, ownUser, weak: name === "node" };
  if (name === "node")
    return { ...base, stops: WEAK_STOPS, doesNotStop: ownUser ? WEAK_GAPS : [...WEAK_GAPS, SAME_USER] };
  return { ...base, stops: [...NAMESPACES, ...ALWAYS], doesNotStop: ownUser ? [KERNEL] : [KERNEL, FORKS] };
}
