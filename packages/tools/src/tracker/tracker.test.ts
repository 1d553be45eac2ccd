import { expect, it } from "vitest";
import { recordsInMemory } from "../rehearse/records.ts";
import { toolsOf } from "../testing/context.ts";
import { captureUndo } from "../undo/capture.ts";

/** Calls of a tracker over the same records, each with an effect of its own. */
function desk() {
  const [tracker, records] = [toolsOf("tracker", { kinds: ["invoice"] }), recordsInMemory()];
  const context = (operation: string) => tracker.context(operation, { records });
  return {
    run: (operation: string, args: object) => tracker.run(operation, args, context(operation)),
    /** Does a call, and gives its undoing. */
    undoable: async (operation: string, undoing: string, args: object) => {
      const own = context(operation);
      const pair = { tool: tracker.tool(operation), undoing: tracker.tool(undoing) };
      const { inverse } = await captureUndo(pair, args as never, own);
      await tracker.run(operation, args, own);
      return () => tracker.run(undoing, inverse.args, context(undoing));
    },
    first: async () => {
      const { records: found } = (await tracker.run("list", { kind: "invoice" }, context("list"))) as unknown as {
        records: { id: string; state: string; fields: object }[];
      };
      return found[0];
    },
  };
}

it("an update taken back leaves what others changed besides, and removes what it added", async () => {
  const { run, undoable, first } = desk();
  await run("create", { kind: "invoice", title: "7", fields: { cents: 5 } });
  const id = (await first())?.id;
  const undo = await undoable("update", "restore", { id, fields: { cents: 9, paid: true } });
  await run("update", { id, fields: { note: "of somebody else" } });
  await undo();
  expect(await first()).toMatchObject({ state: "open", fields: { title: "7", cents: 5, note: "of somebody else" } });
  expect((await first())?.fields).not.toHaveProperty("paid");
});

it("an update is not taken back over what somebody made of it since", async () => {
  const { run, undoable, first } = desk();
  await run("create", { kind: "invoice", title: "7", fields: { cents: 5 } });
  const id = (await first())?.id;
  const undo = await undoable("update", "restore", { id, fields: { cents: 9 } });
  const reopen = await undoable("close", "restore", { id });
  await run("update", { id, fields: { cents: 10 } });
  await expect(undo()).rejects.toThrow("changed since");
  await reopen();
  expect(await first()).toMatchObject({ state: "open", fields: { cents: 10 } });
  await expect(reopen()).rejects.toThrow("changed since");
});

it("a removed record is seen by no tool, and does not shorten a list", async () => {
  const { run, undoable, first } = desk();
  await run("create", { kind: "invoice", title: "kept" });
  const kept = await first();
  for (const title of ["a", "b", "c"]) await (await undoable("create", "remove", { kind: "invoice", title }))();
  expect(await run("list", { kind: "invoice", limit: 1 })).toMatchObject({ records: [kept] });
  const undo = await undoable("create", "remove", { kind: "invoice", title: "d" });
  const id = (await first())?.id;
  await undo();
  for (const operation of ["get", "close", "update", "remove"])
    await expect(run(operation, { id })).rejects.toMatchObject({ code: "adapter.failed" });
});
