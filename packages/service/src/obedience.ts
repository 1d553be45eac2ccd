/**
 * Owns: when a change of control counts as obeyed.
 * Does not own: what has to be done (those who registered), how it is acknowledged (the beat, the record).
 * Invariants: a stop is among `stops` only after everything that must end because of it has ended; one change after the other.
 */
import type { ControlView } from "./control.ts";

/** Acts on what holds for the whole house, and resolves when that is done. */
export type Obey = (view: ControlView) => void | Promise<void>;

/** Brings a process in line with control. */
export class Obedience {
  /** The ids of the stops that are obeyed. */
  stops: readonly string[] = [];
  private readonly view: () => ControlView;
  private readonly acts: Obey[] = [];
  private readonly hearers: (() => void)[] = [];
  private last: Promise<void> = Promise.resolve();

  constructor(view: () => ControlView) {
    this.view = view;
  }

  /** From now on, and now, `act` is part of obeying. */
  add(act: Obey): void {
    this.acts.push(act);
    this.changed();
  }

  /** `hear` is called after each change that is obeyed. */
  tell(hear: () => void): void {
    this.hearers.push(hear);
  }

  /** Control has changed. */
  changed(): void {
    this.last = this.last.then(() => this.obey()).catch(() => undefined);
  }

  private async obey(): Promise<void> {
    const view = this.view();
    await Promise.all(this.acts.map(async (act) => act(view)));
    this.stops = view.get("stop", "stop")?.stops.map(({ id }) => id) ?? [];
    for (const hear of this.hearers) hear();
  }
}
