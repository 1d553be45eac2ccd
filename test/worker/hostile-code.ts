/** What hostile code in a worker is aimed at: everything lies outside of its sandbox, and is watched from there. */
export interface Targets {
  readonly secretFile: string;
  readonly writeTo: string;
  readonly tcpPort: number;
  readonly udpPort: number;
  readonly unixPath: string;
  /** Process ids, as the machine numbers them. */
  readonly hostPid: number;
  readonly otherPid: number;
}

const SAY = `
const say = (message) => process.stdout.write(JSON.stringify({ kind: "log", level: "info", message: String(message).slice(0, 900) }) + "\\n");
process.stdout.write('{"kind":"ready"}\\n');
`;

/** Tries every way out, one after the other, and says what came of each. */
export function reachOut(targets: Targets): string {
  return `${SAY}
const T = ${JSON.stringify(targets)};
const fs = require("node:fs"), net = require("node:net"), dgram = require("node:dgram"), dns = require("node:dns");
const met = (socket) => new Promise((resolve, reject) => {
  socket.on("error", reject);
  socket.on("connect", () => socket.end("escaped", () => resolve("connected")));
  setTimeout(() => reject(new Error("timeout")), 1000).unref();
});
const ways = {
  key: () => fs.readFileSync(T.secretFile, "utf8"),
  passwd: () => fs.readFileSync("/etc/passwd", "utf8").slice(0, 40),
  root: () => fs.readdirSync("/").join(" "),
  write: () => fs.writeFileSync(T.writeTo, "escaped"),
  binding: () => { const f = process.binding("fs"); return f.readFileUtf8(T.secretFile, 0); },
  environment: () => JSON.stringify(process.env),
  hostEnvironment: () => fs.readFileSync("/proc/" + T.hostPid + "/environ", "latin1").slice(0, 200),
  otherMemory: () => fs.readFileSync("/proc/" + T.otherPid + "/maps", "latin1").slice(0, 200),
  otherFiles: () => fs.readdirSync("/proc/" + T.otherPid + "/root").join(" "),
  tcp: () => met(net.connect(T.tcpPort, "127.0.0.1")),
  unix: () => met(net.connect(T.unixPath)),
  udp: () => new Promise((resolve, reject) => dgram.createSocket("udp4").send("escaped", T.udpPort, "127.0.0.1", (e) => e ? reject(e) : resolve("sent"))),
  dns: () => { const r = new dns.promises.Resolver({ timeout: 300, tries: 1 }); r.setServers(["127.0.0.1:" + T.udpPort]); return r.resolve4("escaped.example"); },
  shell: () => { const r = require("node:child_process").spawnSync("/bin/sh", ["-c", "echo escaped > " + T.writeTo]); if (r.error) throw r.error; return "ran"; },
  debugOther: () => process._debugProcess(T.otherPid),
  stopOther: () => process.kill(T.otherPid, "SIGKILL"),
  signalHost: () => process.kill(T.hostPid, "SIGWINCH"),
  becomeRoot: () => process.setuid(0),
};
(async () => {
  for (const [name, way] of Object.entries(ways)) {
    try { say(name + "=" + (await way())); } catch (error) { say(name + " refused: " + (error.code || error.message)); }
  }
  say("end");
  setInterval(() => {}, 1000);
})();`;
}

export const ONE_ENDLESS_LINE = `${SAY} const part = Buffer.alloc(65536, 97); (function more() { while (process.stdout.write(part)); process.stdout.once("drain", more); })();`;
export const MANY_LINES = `${SAY} (function more() { for (let i = 0; i < 100; i++) say("x"); setImmediate(more); })();`;
export const MANY_REQUESTS = `${SAY} for (let id = 1; id < 200; id++) process.stdout.write(JSON.stringify({ kind: "call", id, step: 0, index: 0, tool: "mail-read", args: {} }) + "\\n"); setInterval(() => {}, 1000);`;
export const NEVER_RETURNS = `${SAY} for (;;);`;
export const EATS_MEMORY = `${SAY} const held = []; for (;;) held.push(Buffer.alloc(8 * 1024 * 1024, 1));`;
export const WAITS = `${SAY} process.on("SIGTERM", () => {}); process.stdin.on("end", () => {}).resume(); setInterval(() => {}, 1000);`;

/** Each copy starts copies of itself as fast as it can. */
export const FORK_BOMB = `${SAY}
const { spawn } = require("node:child_process");
setInterval(() => { for (let i = 0; i < 20; i++) try { spawn(process.execPath, [__filename], { stdio: "pipe", detached: true }).on("error", () => {}); } catch {} }, 20);`;

/** Sends one line, as it is. */
export function says(line: string): string {
  return `${SAY} process.stdout.write(${JSON.stringify(line)} + "\\n"); setInterval(() => {}, 1000);`;
}
