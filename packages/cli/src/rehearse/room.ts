/**
 * Owns: where a tool is rehearsed: a throw-away copy of its connection, or, for a tool of the user's own, the tool itself.
 * Does not own: what is tried there (`rehearse` of the tool kit), or what its result is good for.
 * Invariants: nothing of the house's own is in reach: a copy lies in an empty folder and has no way out; an own tool that would
 * reach the network or a credential is not tried unless its user says so.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BulkheadError, readSecretFile } from "@bulkhead/core";
import { copiedTools, type Rehearsed, rehearse, type Tool } from "@bulkhead/tools";
import type { Catalogue } from "../policy/catalogue.ts";
import type { Project } from "../policy/project.ts";
import { keepRehearsals, type Rehearsal, rehearsalOf, type Undoable } from "../policy/rehearsals.ts";

/** What came of it; `untried` says why it could not be tried here. */
export type Tried = { readonly untried: string } | Rehearsed;

/** What a rehearsal may use. */
export interface Stage {
  readonly project: Project;
  readonly catalogue: Catalogue;
  /** Own tools may reach their real origins, with their real credentials. */
  readonly live: boolean;
}

/** Does, undoes and compares one tool, and keeps the result. */
export async function rehearseAndKeep(undoable: Undoable, stage: Stage): Promise<Tried> {
  const tried = await tryOut(undoable, stage);
  if (!("untried" in tried)) {
    const result: Rehearsal = rehearsalOf(undoable, tried.problem);
    await keepRehearsals(stage.project, new Map([[undoable.offer.tool.name, result]]));
  }
  return tried;
}

async function tryOut(undoable: Undoable, stage: Stage): Promise<Tried> {
  return undoable.offer.place.bundle === undefined ? await tryCopy(undoable, stage) : await tryOwn(undoable, stage);
}

async function tryCopy({ offer, undoing }: Undoable, { catalogue }: Stage): Promise<Tried> {
  const connection = catalogue.connections.find(({ name }) => name === offer.place.connection);
  const dir = await mkdtemp(join(tmpdir(), "bulkhead-rehearsal-"));
  try {
    const tools = connection && (await copiedTools(connection, dir));
    const [tool, back] = [offer, undoing].map((each) => tools?.find(({ name }) => name === each.tool.name));
    if (tool === undefined || back === undefined)
      return { untried: `There is no throw-away copy of the connection ${offer.place.connection} to try it on.` };
    return await rehearse({ tool, undoing: back }, { credentials: noCredentials });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function tryOwn({ offer, undoing }: Undoable, { project, live }: Stage): Promise<Tried> {
  const reach = reachOf([offer.tool, undoing.tool]);
  if (reach.length > 0 && !live)
    return { untried: `It would really be done and undone, by way of ${reach.join(", ")}. To do so: --live` };
  const credentials = async (name: string): Promise<string> =>
    (await readSecretFile(join(project.credentialsDir, name))).toString("utf8").trim();
  return await rehearse({ tool: offer.tool, undoing: undoing.tool }, { credentials });
}

function reachOf(tools: readonly Tool[]): string[] {
  const reach = tools.flatMap(({ egress, credentials }) => [
    ...egress,
    ...credentials.map((name) => `credentials/${name}`),
  ]);
  return [...new Set(reach)];
}

function noCredentials(): Promise<never> {
  return Promise.reject(new BulkheadError("credential.missing", "(a rehearsal has none)"));
}
