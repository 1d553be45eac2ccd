/** Writes the JSON Schemas and the AsyncAPI document. `--check` writes nothing and fails when a committed file differs. */
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { asyncApi, jsonSchemas } from "./src/publish.ts";

const folder = fileURLToPath(new URL("./generated/", import.meta.url));
const check = process.argv.includes("--check");

const wanted = new Map<string, string>();
for (const [name, schema] of jsonSchemas()) wanted.set(`${name}.schema.json`, text(schema));
wanted.set("asyncapi.json", text(asyncApi()));

await mkdir(folder, { recursive: true });
const present = new Set(await readdir(folder));
const drifted: string[] = [];
for (const [file, content] of wanted) {
  const current = present.has(file) ? await readFile(folder + file, "utf8") : undefined;
  if (current === content) continue;
  drifted.push(file);
  if (!check) await writeFile(folder + file, content);
}
for (const file of present) {
  if (wanted.has(file)) continue;
  drifted.push(file);
  if (!check) await rm(folder + file);
}
if (check && drifted.length > 0) {
  console.error(`Out of date: ${drifted.join(", ")}. Run: npm run schemas`);
  process.exitCode = 1;
} else {
  console.log(check ? `${wanted.size} files are up to date` : `${drifted.length} of ${wanted.size} files written`);
}

function text(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
