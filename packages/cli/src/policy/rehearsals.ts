/**
 * Owns: which versions of which tools were done and undone on this machine, and with what result.
 * Does not own: how that is tried (rehearse/room.ts), or what a policy makes of it (propose.ts, compile.ts).
 * Invariants: a result counts for the very contracts, of the tool and of what undoes it, that were rehearsed: whatever changes in
 * one of them, its code included, makes it one that was never rehearsed (TIER-08).
 */
import { readFile, rename, writeFile } from "node:fs/promises";
import { digestText } from "@bulkhead/core";
import { Token } from "@bulkhead/schemas";
import { z } from "zod";
import { type Catalogue, contractOf, type Offer, undoingOf } from "./catalogue.ts";
import type { PolicyFile } from "./file.ts";
import type { Project } from "./project.ts";

const Rehearsal = z.strictObject({
  /** The contract's hash of the tool, and of the tool that undoes it. */
  hash: digestText,
  undoing: digestText,
  passed: z.boolean(),
  problem: z.string().optional(),
});
/** What came of a rehearsal, and of which versions. */
export type Rehearsal = z.infer<typeof Rehearsal>;
/** Rehearsals by tool. */
export type Rehearsals = ReadonlyMap<string, Rehearsal>;

const Stored = z.record(Token, Rehearsal);

/** A tool that another one undoes, both as they are now. */
export interface Undoable {
  readonly offer: Offer;
  readonly undoing: Offer;
}

/** All tools of a project that another one undoes. */
export function undoables(catalogue: Catalogue): Undoable[] {
  return [...catalogue.offers.values()].flatMap((offer) => {
    const undoing = undoingOf(offer, catalogue);
    return undoing === undefined ? [] : [{ offer, undoing }];
  });
}

/** Those that some agent may come to run at PROPOSE: by the tool's own tier, or by the ceiling of whoever asks or hands a task on. */
export function proposable(file: PolicyFile, catalogue: Catalogue): Undoable[] {
  const agents = Object.values(file.agents);
  const low = agents.some(({ ceiling }) => ceiling === "PROPOSE");
  const granted = (name: string): boolean =>
    agents.some(({ tools }) => tools[name]?.tier === "PROPOSE" || (low && tools[name]?.tier === "AUTO+"));
  return undoables(catalogue).filter(({ offer }) => granted(offer.tool.name));
}

/** A result, bound to the versions that it is about. */
export function rehearsalOf({ offer, undoing }: Undoable, problem: string | undefined): Rehearsal {
  const versions = { hash: contractOf(offer).hash, undoing: contractOf(undoing).hash };
  return { ...versions, passed: problem === undefined, ...(problem !== undefined && { problem }) };
}

/** The results that are about the tools as they are now. */
export async function presentRehearsals(project: Project, catalogue: Catalogue): Promise<Rehearsals> {
  const stored = await readStored(project);
  const present = undoables(catalogue).flatMap((undoable): [string, Rehearsal][] => {
    const { name } = undoable.offer.tool;
    const found = stored[name];
    const now = rehearsalOf(undoable, undefined);
    return found?.hash === now.hash && found.undoing === now.undoing ? [[name, found]] : [];
  });
  return new Map(present);
}

/** Keeps results beside those of other tools. */
export async function keepRehearsals(project: Project, fresh: Rehearsals): Promise<void> {
  if (fresh.size === 0) return;
  const stored = { ...(await readStored(project)), ...Object.fromEntries(fresh) };
  const next = `${project.rehearsalsFile}.${process.pid}.tmp`;
  await writeFile(next, `${JSON.stringify(stored, null, 2)}\n`, { mode: 0o600 });
  await rename(next, project.rehearsalsFile);
}

async function readStored({ rehearsalsFile }: Project): Promise<z.infer<typeof Stored>> {
  const text = await readFile(rehearsalsFile, "utf8").catch(() => "{}");
  try {
    return Stored.parse(JSON.parse(text));
  } catch {
    return {};
  }
}
