import type { ControlValue } from "@bulkhead/schemas";
import { expect, test } from "vitest";
import type { ControlView } from "./control.ts";
import { Obedience } from "./obedience.ts";

function world() {
  let ids: readonly string[] = [];
  const stops = () => ids.map((id) => ({ id, scope: { kind: "all" as const }, reason: "a test", at: 1 }));
  const view = (): ControlView => {
    const stop: ControlValue = { kind: "stop", stops: stops(), lifts: [] };
    return {
      ...{ fresh: true, revision: 1, values: new Map([["stop", stop]]), revoked: new Set(), doubtful: new Set() },
      get: (_, kind) => (kind === "stop" ? (stop as never) : undefined),
    };
  };
  const obedience = new Obedience(view);
  return {
    obedience,
    set: (...next: readonly string[]) => {
      ids = next;
      obedience.changed();
    },
  };
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 5));

test("TIER-09: a stop is obeyed when everything that must end because of it has ended, and then it is told", async () => {
  const { obedience, set } = world();
  const told: (readonly string[])[] = [];
  const { promise: ended, resolve: end } = Promise.withResolvers<undefined>();
  obedience.add(() => ended);
  obedience.tell(() => told.push(obedience.stops));
  set("s-1");
  await turn();
  expect([obedience.stops, told]).toEqual([[], []]);
  end(undefined);
  await turn();
  expect([obedience.stops, told.at(-1)]).toEqual([["s-1"], ["s-1"]]);
});

test("TIER-09: what could not be ended is not called obeyed, and the next change is tried again", async () => {
  const { obedience, set } = world();
  let fails = true;
  obedience.add(() => (fails ? Promise.reject(new Error("it hangs")) : undefined));
  set("s-1");
  await turn();
  expect(obedience.stops).toEqual([]);
  fails = false;
  set("s-1", "s-2");
  await turn();
  expect(obedience.stops).toEqual(["s-1", "s-2"]);
});
