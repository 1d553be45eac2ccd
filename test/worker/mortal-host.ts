import { launch, type SandboxOptions } from "@bulkhead/agent";

const [bundle = "", options = "{}"] = process.argv.slice(2);
const child = launch(bundle, JSON.parse(options) as SandboxOptions);
child.stdout.once("data", () => {
  process.stdout.write("started\n");
});
setInterval(() => undefined, 1_000);
