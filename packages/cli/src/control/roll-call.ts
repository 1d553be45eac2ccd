/**
 * Owns: who must acknowledge a change of control, and who has.
 * Does not own: the change (`change.ts`), how it is shown.
 * Invariants: only an instance's own signed beat counts, and only for itself; an instance that the watchdog heard lately and that
 * is silent now is missed, and so is every service of the policy of which nobody is heard.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { ServiceBeat } from "@bulkhead/schemas";
import type { OperatorClient } from "../client/operator-client.ts";
import { membersOf } from "../up/plan.ts";

/** One process that must obey. `ms`: from the moment before the change was written until its beat came back. */
export interface Answer {
  readonly identity: string;
  readonly instance: string;
  readonly ms: number;
}

/** Who has obeyed, and who has not been heard to: an instance, or a service of which none was heard. */
export interface Result {
  readonly acknowledged: readonly Answer[];
  readonly missing: readonly { readonly identity: string; readonly instance?: string }[];
}

/** What is waited for. */
export interface Awaited {
  readonly obeys: (beat: ServiceBeat, identity: string) => boolean;
  /** Instances that others have heard lately. */
  readonly instances: readonly string[];
  /** Services that need not answer. */
  readonly spare?: (identity: string) => boolean;
  /** Hears of each acknowledgement as it comes. */
  readonly onAnswer?: (answer: Answer) => void;
  readonly withinMs: number;
}

/** Services that decide nothing and do nothing. */
const NO_POINTS: readonly string[] = ["memory", "ledger"];
/** Whoever runs beats at least once in this time. */
const LISTEN_MS = 1_300;
const POLL_MS = 20;

interface Heard {
  readonly identity: string;
  readonly beat: ServiceBeat;
  readonly at: number;
}

/** Listens to the beats of all services from now on. */
export class RollCall {
  private readonly heard = new Map<string, Heard>();
  private readonly ended = new Set<string>();
  private readonly points: readonly string[];
  private readonly since = performance.now();

  constructor({ bus, policy }: OperatorClient) {
    this.points = membersOf(policy)
      .map(({ identity }) => identity)
      .filter((identity) => !NO_POINTS.includes(identity));
    bus.hear("beat", ({ issuer, body }) => {
      if (issuer !== undefined && identityOf(body.instance) === issuer) this.hear(issuer, body);
    });
  }

  /** The instances heard so far. */
  get instances(): readonly string[] {
    return [...this.heard.keys()];
  }

  /** The stops that somebody says to obey. */
  get stops(): readonly string[] {
    return [...new Set([...this.heard.values()].flatMap(({ beat }) => beat.stops))];
  }

  /** Resolves when whoever runs has been heard. */
  async listened(): Promise<void> {
    await sleep(Math.max(0, LISTEN_MS - (performance.now() - this.since)));
  }

  /** Waits until all have obeyed a change that was written after `from` (`performance.now()`), or the time is over. */
  async answers(from: number, awaited: Awaited): Promise<Result> {
    const acknowledged = new Map<string, Answer>();
    for (;;) {
      for (const answer of this.obeying(from, awaited)) {
        if (acknowledged.has(answer.instance)) continue;
        acknowledged.set(answer.instance, answer);
        awaited.onAnswer?.(answer);
      }
      const missing = this.missing(acknowledged, awaited);
      const listening = performance.now() - this.since < LISTEN_MS;
      if ((missing.length === 0 && !listening) || performance.now() - from >= awaited.withinMs)
        return { acknowledged: [...acknowledged.values()], missing };
      await sleep(POLL_MS);
    }
  }

  private hear(identity: string, beat: ServiceBeat): void {
    if (beat.ends) this.ended.add(beat.instance);
    if (this.ended.has(beat.instance)) this.heard.delete(beat.instance);
    else this.heard.set(beat.instance, { identity, beat, at: performance.now() });
  }

  private obeying(from: number, { obeys, spare }: Awaited): Answer[] {
    return [...this.heard.values()]
      .filter(({ identity, at, beat }) => this.isAsked(identity, spare) && at >= from && obeys(beat, identity))
      .map(({ identity, at, beat }) => ({ identity, instance: beat.instance, ms: Math.round(at - from) }));
  }

  private missing(acknowledged: ReadonlyMap<string, Answer>, { instances, spare }: Awaited): Result["missing"] {
    const known = [...new Set([...instances, ...this.heard.keys()])].filter((one) => !this.ended.has(one)).sort();
    const asked = known.map((instance) => ({ identity: identityOf(instance), instance }));
    const silent = asked.filter(
      ({ identity, instance }) => this.isAsked(identity, spare) && !acknowledged.has(instance),
    );
    const seen = new Set(asked.map(({ identity }) => identity));
    const absent = this.points.filter((identity) => this.isAsked(identity, spare) && !seen.has(identity));
    return [...silent, ...absent.map((identity) => ({ identity }))];
  }

  private isAsked(identity: string, spare: Awaited["spare"]): boolean {
    return this.points.includes(identity) && spare?.(identity) !== true;
  }
}

/** `gateway-1a2b3c4d` → `gateway`. */
export function identityOf(instance: string): string {
  return instance.replace(/-[0-9a-f]{8}$/, "");
}
