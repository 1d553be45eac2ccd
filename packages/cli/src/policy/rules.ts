import { stat } from "node:fs/promises";
import { join } from "node:path";
import { checkGrants, type RuleInput } from "./grants.ts";
import { didYouMean, type Mistake } from "./mistakes.ts";
import type { Project } from "./project.ts";
import type { Path, PolicySource } from "./source.ts";

/** Everything that makes sense by its shape but not by its meaning. */
export function checkRules(input: RuleInput): Mistake[] {
  return [...checkGrants(input), ...checkNames(input), ...checkPeople(input)];
}

function checkNames({ file, source }: RuleInput): Mistake[] {
  const agents = Object.keys(file.agents);
  const unknownAgent = (name: string, path: Path): Mistake[] =>
    agents.includes(name)
      ? []
      : [source.mistake("agent.unknown", source.at(path), `There is no agent "${name}".`, didYouMean(name, agents))];
  const clients = Object.entries(file.clients).flatMap(([client, { agents: names }]) =>
    names.flatMap((name, index) => unknownAgent(name, ["clients", client, "agents", index])),
  );
  const delegations = Object.entries(file.connections).flatMap(([name, { kind, agents: names }]) =>
    kind === "tasks" && Array.isArray(names)
      ? names.flatMap((agent, index) => unknownAgent(String(agent), ["connections", name, "agents", index]))
      : [],
  );
  const classes = Object.keys(file.models ?? { small: 0, large: 0 });
  const models = Object.entries(file.agents).flatMap(([agent, { model }]) =>
    classes.includes(model)
      ? []
      : [
          source.mistake(
            "model.unknown",
            source.at(["agents", agent, "model"]),
            `There is no model class "${model}".`,
            didYouMean(model, classes),
          ),
        ],
  );
  return [...clients, ...delegations, ...models];
}

function checkPeople({ file, source }: RuleInput): Mistake[] {
  const has = (role: "approver" | "admin"): boolean =>
    Object.values(file.operators).some(({ roles }) => roles.includes(role));
  const place = source.atKey(["operators"]);
  const asks = Object.values(file.agents).some(({ tools }) =>
    Object.values(tools).some(({ tier }) => tier === "CONFIRM" || tier === "PROPOSE"),
  );
  return [
    ...(has("admin")
      ? []
      : [source.mistake("operator.admin", place, "Nobody has the role admin.", "Give it to the person who signs.")]),
    ...(asks && !has("approver")
      ? [
          source.mistake(
            "operator.approver",
            place,
            "Some calls need a person, and nobody has the role approver.",
            "Give it to somebody.",
          ),
        ]
      : []),
  ];
}

/** Credential files that the granted tools need: there, and readable by their owner alone. */
export async function checkCredentials(
  project: Project,
  names: ReadonlyMap<string, Path>,
  source: PolicySource,
): Promise<Mistake[]> {
  const found = await Promise.all([...names].map(([name, path]) => checkCredential(project, name, source, path)));
  return found.flat();
}

async function checkCredential(project: Project, name: string, source: PolicySource, path: Path): Promise<Mistake[]> {
  const file = join(project.credentialsDir, name);
  const mode = await stat(file).then(
    (found) => found.mode & 0o777,
    () => undefined,
  );
  const shown = `credentials/${name}`;
  if (mode === undefined) {
    const make = `Write it there: install -m 600 /dev/stdin ${shown}`;
    return [
      source.mistake("credential.missing", source.atKey(path), `The credential file ${shown} is not there.`, make),
    ];
  }
  if ((mode & 0o077) === 0) return [];
  return [
    source.mistake(
      "credential.mode",
      source.atKey(path),
      `Others may read ${shown} (mode ${mode.toString(8)}).`,
      `Run: chmod 600 ${shown}`,
    ),
  ];
}
