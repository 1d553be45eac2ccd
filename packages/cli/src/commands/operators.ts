import type { Command } from "commander";
import { changeControl, revoked } from "../control/change.ts";
import { readControl } from "../control/read.ts";
import { RollCall } from "../control/roll-call.ts";
import { CliError, EXIT } from "../errors.ts";
import { table } from "../output/terminal.ts";
import { agreed, awaitAll } from "./acknowledged.ts";
import { asOperator, type ClientOptions, examples, withClientOptions } from "./shared.ts";

interface RevokeOptions extends ClientOptions {
  readonly yes?: boolean;
}

/** `operators …`: who may decide, and who no longer. */
export function addOperators(program: Command): void {
  const operators = program.command("operators").description("list the operators of the policy, or revoke one");
  const list = withClientOptions(operators.command("list", { isDefault: true }))
    .description("list them with their roles")
    .action(listOperators);
  examples(list, "operators", "operators revoke bob --as ana");
  withClientOptions(operators.command("revoke"))
    .description(
      "from now on nothing counts that this operator has signed, decisions made before included; admins only",
    )
    .argument("<operator>")
    .option("-y, --yes", "do not ask again on a terminal")
    .action(revoke);
}

async function listOperators(options: ClientOptions): Promise<void> {
  await asOperator(options, async ({ client, out }) => {
    const view = (await readControl(client))();
    const operators = Object.values(client.policy.policy.operators).map(({ name, person, roles }) => ({
      ...{ name, person, roles },
      revoked: view.revoked.has(name),
    }));
    out.give(operators);
    out.say(
      table(
        operators.map(({ name, person, roles, revoked: gone }) => [
          ...[name, person, roles.join(" ")],
          gone ? out.paint.red("revoked") : "",
        ]),
      ),
    );
  });
}

async function revoke(name: string, options: RevokeOptions): Promise<void> {
  await asOperator(options, async (context) => {
    const { client, out } = context;
    const { operators } = client.policy.policy;
    if (!Object.hasOwn(operators, name))
      throw new CliError(`The policy names no operator "${name}"; there are: ${Object.keys(operators).join(", ")}.`);
    if (operators[client.name]?.roles.includes("admin") !== true)
      throw new CliError(`${client.name} is no admin: give --as with one who is.`, EXIT.refused);
    const roll = new RollCall(client);
    await agreed(context, `Revoke ${name}? Only a policy that is signed anew lets them in again.`, options.yes);
    const from = performance.now();
    const { value, revision } = await changeControl(client, "revoked", (before) => revoked(before, name));
    out.say(out.paint.bold(`Revoked ${name}`));
    const done = { revoked: value.operators };
    const spare = (identity: string): boolean => identity.startsWith("host-");
    await awaitAll(context, roll, { from, done, obeys: (beat) => beat.revision >= revision, spare });
    out.say(`It holds until a policy is signed: take ${name} out of bulkhead.yaml before that.`);
  });
}
