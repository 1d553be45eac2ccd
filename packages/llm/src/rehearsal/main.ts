import { parseArgs } from "node:util";
import { startRehearsalModel } from "./server.ts";

const { values } = parseArgs({ options: { port: { type: "string", default: "0" } } });
const model = await startRehearsalModel({ port: Number(values.port) });
process.stdout.write(`${JSON.stringify({ url: model.url, port: model.port })}\n`);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void model[Symbol.asyncDispose]());
