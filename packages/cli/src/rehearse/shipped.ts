import type { Catalogue } from "../policy/catalogue.ts";
import type { PolicyFile } from "../policy/file.ts";
import type { Project } from "../policy/project.ts";
import { presentRehearsals, proposable, type Rehearsals } from "../policy/rehearsals.ts";
import { rehearseAndKeep } from "./room.ts";

/**
 * The rehearsals of a project's tools as they are now, after those of shipped tools that are missing or failed were run: each takes
 * milliseconds, on a throw-away copy. A tool of the user's own is run only when its user says so: `bulkhead rehearse`.
 */
export async function rehearseShipped(project: Project, file: PolicyFile, catalogue: Catalogue): Promise<Rehearsals> {
  const known = await presentRehearsals(project, catalogue);
  const missing = proposable(file, catalogue).filter(
    ({ offer }) => offer.place.bundle === undefined && known.get(offer.tool.name)?.passed !== true,
  );
  if (missing.length === 0) return known;
  for (const undoable of missing) await rehearseAndKeep(undoable, { project, catalogue, live: false });
  return await presentRehearsals(project, catalogue);
}
