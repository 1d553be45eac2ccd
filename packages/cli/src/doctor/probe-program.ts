/** What the probe is aimed at; all of it lies outside. */
export interface Targets {
  readonly secret: string;
  readonly writeTo: string;
  readonly port: number;
  readonly unix: string;
  readonly pid: number;
}

/** A program that tries every way out of a sandbox and prints one JSON line for each. It reaches only what `targets` names. */
export function probeProgram(targets: Targets): string {
  return `"use strict";
const T = ${JSON.stringify(targets)};
const need = (name) => require("node:" + name);
const met = (options) => new Promise((resolve, reject) => {
  const socket = need("net").connect(options);
  socket.on("connect", () => { socket.destroy(); resolve("connected"); }).on("error", reject);
  setTimeout(() => reject(new Error("timeout")), 1500).unref();
});
const ways = {
  "read a host's key": () => need("fs").readFileSync(T.secret).length + " bytes",
  "write a file": () => { need("fs").writeFileSync(T.writeTo, "out"); return "written"; },
  "list the home folder": () => need("fs").readdirSync(need("os").homedir()).length + " entries",
  "see environment variables": () => { const names = Object.keys(process.env).filter((name) => !["PWD", "OLDPWD", "SHLVL", "_"].includes(name)); if (names.length === 0) throw new Error("empty"); return names.join(" "); },
  "read the host's environment": () => need("fs").readFileSync("/proc/" + T.pid + "/environ").length + " bytes",
  "open a TCP connection": () => met({ port: T.port, host: "127.0.0.1" }),
  "open a Unix socket": () => met({ path: T.unix }),
  "ask a name server": () => new Promise((resolve, reject) => { const r = new (need("dns").promises.Resolver)({ timeout: 500, tries: 1 }); r.setServers(["127.0.0.1:" + T.port]); r.resolve4("doctor.invalid").then(resolve, (e) => (e.code === "ENOTFOUND" ? resolve("answered") : reject(e))); }),
  "start a program": () => { const r = need("child_process").spawnSync("/bin/sh", ["-c", "true"]); if (r.error) throw r.error; return "exit " + r.status; },
  "signal another process": () => { process.kill(T.pid, 0); return "permitted"; },
};
(async () => {
  for (const [name, way] of Object.entries(ways)) {
    let gotOut = true, answer;
    try { answer = String(await way()); } catch (error) { gotOut = false; answer = String(error.code || error.message); }
    process.stdout.write(JSON.stringify({ name, gotOut, answer }) + "\\n");
  }
  process.exit(0);
})();
`;
}
