/**
 * Owns: the command line that puts one worker into its sandbox.
 * Does not own: starting it (launch.ts), choosing the level (detect.ts).
 * Invariants: S8. The worker sees Node, its libraries and its own code, read-only, and nothing else; no level passes an
 * environment; where the host is root, the worker is another user, without capabilities and unable to gain any.
 */
import { BUNDLE_INSIDE, type Image, NODE_INSIDE } from "./image.ts";
import type { SandboxLevelName } from "./level.ts";

/** Hard bounds of a worker's process, held by the kernel. */
export interface ProcessLimits {
  readonly memoryBytes: number;
  readonly cpuSeconds: number;
  readonly openFiles: number;
  readonly processes: number;
}

export const DEFAULT_PROCESS_LIMITS: ProcessLimits = {
  memoryBytes: 1024 * 1024 * 1024,
  cpuSeconds: 300,
  openFiles: 64,
  processes: 64,
};

export interface Command {
  readonly file: string;
  readonly args: readonly string[];
}

interface SandboxRequest {
  readonly image: Image;
  readonly bundle: string;
  readonly limits: ProcessLimits;
  /** The user to become; undefined: the host is not root and stays who it is. */
  readonly uid: number | undefined;
  /** An empty folder where the `unshare` level mounts the worker's root, in its own mount namespace. */
  readonly mountPoint: string;
  /** Whether Node's permission model is in force besides. */
  readonly permission: boolean;
}

type Builder = (request: SandboxRequest) => Command | undefined;

export const commandFor: Record<SandboxLevelName, Builder> = { bwrap, unshare, node: bare };

function bwrap(request: SandboxRequest): Command | undefined {
  const { image, bundle, uid } = request;
  if (image.tools.bwrap === undefined) return undefined;
  const folders = image.folders.flatMap((folder) => ["--perms", "0755", "--dir", folder]);
  const binds = [...image.binds, [bundle, BUNDLE_INSIDE] as const].flatMap(([from, to]) => ["--ro-bind", from, to]);
  const user = uid === undefined ? ["--unshare-user", "--uid", "65534", "--gid", "65534"] : ROOT_CAPABILITIES;
  const fixed = ["--die-with-parent", "--clearenv", "--new-session", "--hostname", "worker", ...user];
  const args = [...UNSHARED, ...fixed, ...folders, ...binds, "--remount-ro", "/", "--chdir", "/"];
  return { file: image.tools.bwrap, args: [...args, ...inside(request)] };
}

const UNSHARED = ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"];
const ROOT_CAPABILITIES = ["ALL", "CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"].flatMap((name, at) => [
  at === 0 ? "--cap-drop" : "--cap-add",
  name,
]);

function unshare(request: SandboxRequest): Command | undefined {
  const { image, bundle, uid, mountPoint } = request;
  const { unshare: tool, setpriv } = image.tools;
  if (tool === undefined || setpriv === undefined) return undefined;
  const binds = [...image.binds, [bundle, BUNDLE_INSIDE] as const].flat();
  const user = uid === undefined ? ["--user", "--map-root-user"] : [];
  const apart = ["--mount", "--net", "--pid", "--ipc", "--uts", "--cgroup", ...user, "--propagation", "private"];
  const shell = ["/bin/sh", "-c", BUILD_ROOT, "sh", mountPoint, ...binds, "--", ...inside(request)];
  return { file: setpriv, args: ["--pdeathsig", "KILL", tool, ...apart, "--fork", "--kill-child=KILL", ...shell] };
}

/** Stays process 1 of the worker's namespace: its death, which the host's death causes, is the worker's. */
const BUILD_ROOT = `set -e
PATH=/usr/sbin:/usr/bin:/sbin:/bin
root=$1; shift
mount -t tmpfs -o size=1m,mode=755,nosuid tmpfs "$root"
while [ "$1" != -- ]; do
  mkdir -p "$root\${2%/*}"; : > "$root$2"
  mount --bind "$1" "$root$2"; mount -o remount,bind,ro,nosuid "$root$2"
  shift 2
done
shift
mount -o remount,bind,ro,nosuid "$root"
unset PWD OLDPWD
chroot "$root" "$@"
exit $?`;

function bare(request: SandboxRequest): Command | undefined {
  const { image, bundle, uid } = request;
  const { setpriv, prlimit } = image.tools;
  const node = [image.node, ...nodeArguments({ ...request, permission: true }, bundle)];
  const dies = setpriv === undefined ? [] : [setpriv, "--pdeathsig", "KILL", ...becoming(uid)];
  const [file = image.node, ...args] = [
    ...(prlimit === undefined ? [] : [prlimit, ...bounds(request.limits, uid !== undefined)]),
    ...dies,
    ...node,
  ];
  return { file, args };
}

function inside(request: SandboxRequest): string[] {
  const { setpriv, prlimit } = request.image.tools;
  const limited = prlimit === undefined ? [] : ["/prlimit", ...bounds(request.limits, true)];
  const dropped = setpriv === undefined ? [] : ["/setpriv", ...becoming(request.uid)];
  return [...limited, ...dropped, NODE_INSIDE, ...nodeArguments(request, BUNDLE_INSIDE)];
}

function becoming(uid: number | undefined): string[] {
  const user = uid === undefined ? [] : ["--reuid", String(uid), "--regid", String(uid), "--clear-groups"];
  return [...user, "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"];
}

function bounds(limits: ProcessLimits, processes: boolean): string[] {
  const { memoryBytes, cpuSeconds, openFiles } = limits;
  const always = ["--core=0", `--data=${memoryBytes}`, `--cpu=${cpuSeconds}`, `--nofile=${openFiles}`];
  return processes ? [...always, `--nproc=${limits.processes}`] : always;
}

function nodeArguments(request: SandboxRequest, bundle: string): string[] {
  const heap = `--max-old-space-size=${Math.floor(request.limits.memoryBytes / 4 / 1024 / 1024)}`;
  const permission = request.permission ? ["--permission", `--allow-fs-read=${bundle}`] : [];
  return [...permission, heap, "--v8-pool-size=1", "--disable-wasm-trap-handler", "--no-addons", bundle];
}
