/**
 * Owns: that no server or service outlives the process that started it, however that process ends, kill -9 included.
 * Does not own: the orderly stop (`Child.stop`), which comes first whenever there is time for one.
 * Invariant: the reaper reads process ids from a pipe that only we hold; when the pipe closes, it ends what is still listed.
 */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Writable } from "node:stream";

const GRACE_SECONDS = 3;
const SCRIPT = `
trap '' INT TERM HUP
pids=
while read -r op pid; do
  rest=
  for p in $pids; do [ "$p" = "$pid" ] || rest="$rest $p"; done
  pids=$rest
  [ "$op" = + ] && pids="$pids $pid"
done
[ -z "$pids" ] && exit 0
for p in $pids; do kill -TERM "$p"; done 2>/dev/null
sleep ${GRACE_SECONDS}
for p in $pids; do kill -KILL "-$p" || kill -KILL "$p"; done 2>/dev/null
`;

let reaper: ChildProcessByStdio<Writable, null, null> | undefined;

function start(): ChildProcessByStdio<Writable, null, null> {
  const child = spawn("/bin/sh", ["-c", SCRIPT], { stdio: ["pipe", "ignore", "ignore"], detached: true });
  child.stdin.on("error", () => undefined);
  child.on("error", () => undefined);
  child.unref();
  (child.stdin as Writable & { unref?: () => void }).unref?.();
  return child;
}

/** Ends this process group when we are gone. */
export function guard(pid: number): void {
  reaper ??= start();
  reaper.stdin.write(`+ ${pid}\n`);
}

/** The process has ended by itself: its id may be given to another. */
export function unguard(pid: number): void {
  reaper?.stdin.write(`- ${pid}\n`);
}
