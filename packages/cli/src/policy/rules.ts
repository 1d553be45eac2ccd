import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { Effect } from "@bulkhead/schemas";
import type { Catalogue, Offer } from "./catalogue.ts";
import type { PolicyFile } from "./file.ts";
import { didYouMean, type Mistake } from "./mistakes.ts";
import type { Project } from "./project.ts";
import type { Path, PolicySource } from "./source.ts";

/** What the rules look at. */
export interface RuleInput {
  readonly file: PolicyFile;
  readonly catalogue: Catalogue;
  readonly source: PolicySource;
  readonly now: number;
}

const OUTWARD: readonly Effect[] = ["out", "money", "irreversible"];

/** Everything that makes sense by its shape but not by its meaning. */
export function checkRules(input: RuleInput): Mistake[] {
  return [...checkGrants(input), ...checkNames(input), ...checkPeople(input)];
}

type GrantInFile = PolicyFile["agents"][string]["tools"][string];

function checkGrants(input: RuleInput): Mistake[] {
  const { file, catalogue, source } = input;
  return Object.entries(file.agents).flatMap(([agent, { tools }]) =>
    Object.entries(tools).flatMap(([tool, grant]) => {
      const path = ["agents", agent, "tools", tool];
      const offer = catalogue.offers.get(tool);
      if (offer !== undefined) return checkGrant(offer, grant, path, input);
      const suggestion = didYouMean(tool, [...catalogue.offers.keys()]);
      return [
        source.mistake(
          "tool.unknown",
          source.atKey(path),
          `No connection or file in tools/ has a tool "${tool}".`,
          suggestion,
        ),
      ];
    }),
  );
}

function checkGrant({ tool }: Offer, grant: GrantInFile, path: Path, { file, source, now }: RuleInput): Mistake[] {
  const at = source.at(path);
  if (grant.tier === "PROPOSE") {
    return [
      source.mistake(
        "tier.propose",
        at,
        "The tier PROPOSE is not available in this version.",
        "Use CONFIRM: a person decides first.",
      ),
    ];
  }
  if (grant.tier === "BLOCK") return [];
  if (tool.run === undefined) {
    return [source.mistake("tier.adapter", at, `"${tool.name}" has no code that could run.`, "Use BLOCK.")];
  }
  const free = grant.tier === "AUTO" || grant.tier === "AUTO+";
  const outward = tool.effects.filter((effect) => OUTWARD.includes(effect));
  if (free && outward.length > 0) return checkException(tool.name, outward, grant, path, { file, source, now });
  if (grant.tier === "AUTO" && tool.effects.length > 0) {
    return [
      source.mistake(
        "tier.effect",
        at,
        `AUTO is for reading, and "${tool.name}" changes something.`,
        "Use AUTO+ or CONFIRM.",
      ),
    ];
  }
  return [];
}

function checkException(
  tool: string,
  effects: readonly Effect[],
  { tier, exception }: GrantInFile,
  path: Path,
  { file, source, now }: Pick<RuleInput, "file" | "source" | "now">,
): Mistake[] {
  const at = source.at(path);
  const what = `"${tool}" has the effect ${effects.join(" and ")}`;
  if (exception === undefined) {
    const form = `{ tier: ${tier}, exception: { owner: …, reason: …, until: YYYY-MM-DD } }`;
    return [
      source.mistake(
        "tier.exception",
        at,
        `${what}, so ${tier} is not allowed.`,
        `Use CONFIRM, or take it upon somebody: ${form}`,
      ),
    ];
  }
  if (tier === "AUTO")
    return [source.mistake("tier.effect", at, `${what}, and AUTO is for reading.`, "Use AUTO+ or CONFIRM.")];
  if (exception.until < now) {
    const place = source.at([...path, "exception", "until"]);
    return [
      source.mistake(
        "tier.expired",
        place,
        `The exception for "${tool}" has expired.`,
        "Use CONFIRM, or renew it with a later day.",
      ),
    ];
  }
  if (Object.hasOwn(file.operators, exception.owner)) return [];
  const place = source.at([...path, "exception", "owner"]);
  return [
    source.mistake(
      "operator.unknown",
      place,
      `There is no operator "${exception.owner}".`,
      didYouMean(exception.owner, Object.keys(file.operators)),
    ),
  ];
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
    Object.values(tools).some(({ tier }) => tier === "CONFIRM"),
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
