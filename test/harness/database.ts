import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { type Database, startDatabase } from "@bulkhead/store";

const NAMES = ["secantusd-py", "mongod", "secantusd-rs"];

/** The database program that tests use: `BULKHEAD_DB_BIN`, else the first on the PATH. */
export function databaseBin(): string {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const candidates = NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  const bin = process.env["BULKHEAD_DB_BIN"] ?? candidates.find((file) => existsSync(file));
  if (bin === undefined)
    throw new Error("No database program: set BULKHEAD_DB_BIN to secantusd-py, secantusd-rs or mongod.");
  return bin;
}

/** A running database in a folder that goes when it is disposed. */
export interface TestDatabase extends Database {
  readonly dir: string;
  readonly bin: string;
}

/** Starts a real database in a folder of its own. */
export async function testDatabase(): Promise<TestDatabase> {
  const dir = await mkdtemp(join(tmpdir(), "bulkhead-db-"));
  const bin = databaseBin();
  const database = await startDatabase({ bin, dir });
  return {
    ...database,
    dir,
    bin,
    [Symbol.asyncDispose]: async () => {
      await database.kill();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
