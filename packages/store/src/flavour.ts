import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** How one start differs from another. */
export interface StartArguments {
  readonly dir: string;
  readonly port: number;
  readonly auth: boolean;
}

/** A program and its arguments. */
export interface CommandLine {
  readonly command: string;
  readonly args: readonly string[];
}

/**
 * SecantusDB 0.7.0b3 for Python answers these commands without asking for a right, and takes an insert that bypasses validators
 * from anybody: `bulkWrite` would let each service write every database. It is started without them, so that its roles hold.
 */
const WITHOUT_UNGUARDED = [
  "from secantus import commands, cli",
  "for name in ('bulkWrite', 'killAllSessions', 'killAllSessionsByPattern', 'replSetStepDown'): commands._HANDLERS.pop(name, None)",
  "def guard(handler): return lambda doc, ctx: handler({k: v for k, v in doc.items() if k != 'bypassDocumentValidation'}, ctx)",
  "for name in ('insert', 'update', 'findAndModify', 'findandmodify', 'aggregate'): commands._HANDLERS[name] = guard(commands._HANDLERS[name])",
  "raise SystemExit(cli.main())",
].join("\n");

/** The command line of a database program, recognised by its name. */
export function flavourOf(bin: string, start: StartArguments): CommandLine {
  if (basename(bin).startsWith("mongod")) return { command: bin, args: mongodArguments(start) };
  const python = join(dirname(bin), "python3");
  const guarded = basename(bin) === "secantusd-py" && existsSync(python);
  return {
    command: guarded ? python : bin,
    args: [...(guarded ? ["-c", WITHOUT_UNGUARDED] : []), ...secantusArguments(start)],
  };
}

function mongodArguments({ dir, port }: StartArguments): string[] {
  return ["--dbpath", join(dir, "data"), "--bind_ip", "127.0.0.1", "--port", String(port), "--auth"];
}

function secantusArguments({ dir, port, auth }: StartArguments): string[] {
  return [
    ...["--config", join(dir, "empty.toml"), "--host", "127.0.0.1", "--port", String(port)],
    ...["--storage-path", join(dir, "data"), "--cache-size", "256M", "--log-level", "WARNING", "--sync-on-commit"],
    ...(auth ? ["--auth"] : []),
  ];
}
