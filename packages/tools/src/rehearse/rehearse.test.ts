import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { copiedTools, defineTool, rehearse, type Tool, type ToolDefinition, z } from "../index.ts";

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "bulkhead-rehearse-"));
});
afterAll(() => rm(dir, { recursive: true }));

const room = { credentials: (name: string) => Promise.resolve(`secret of ${name}`) };
const far = { host: "127.0.0.1", port: 1, secure: false };
const mail = { store: { type: "maildir", path: "/nowhere" }, smtp: { ...far, user: "o" }, from: "o@example.org" };

async function copied(kind: string, settings: object): Promise<ReadonlyMap<string, Tool> | undefined> {
  const place = await mkdtemp(join(dir, "copy-"));
  const tools = await copiedTools({ name: "c", kind, settings: settings as never }, place);
  return tools && new Map(tools.map((tool) => [tool.name, tool]));
}

describe("TIER-08: every shipped tool that says how it is undone", () => {
  const kinds: [string, object, string[]][] = [
    ["mail", mail, ["c-label", "c-move", "c-draft"]],
    ["files", { root: "/nowhere", write: true }, ["c-write", "c-move", "c-delete"]],
    ["tracker", { kinds: ["invoice", "ticket"] }, ["c-create", "c-update", "c-close"]],
  ];
  it.each(kinds)("of %s is undone in a copy of its connection, and all is as before", async (kind, settings, names) => {
    const tools = (await copied(kind, settings)) ?? new Map<string, Tool>();
    const undoable = [...tools.values()].filter(({ rollback }) => rollback?.mode === "compensate");
    expect(undoable.map(({ name }) => name)).toEqual(names);
    for (const tool of undoable) {
      const undoing = tools.get(tool.rollback?.mode === "compensate" ? tool.rollback.tool : "") as Tool;
      const { compared, problem } = await rehearse({ tool, undoing }, room);
      expect([tool.name, problem]).toEqual([tool.name, undefined]);
      expect(compared.length).toBeGreaterThan(0);
      for (const { before, after, undone } of compared) {
        expect(undone).toEqual(before);
        expect(after).not.toEqual(before);
      }
    }
  });

  it("is not tried on an account that cannot be copied", async () => {
    const imap = { ...mail, store: { type: "imap", host: "mail.example.org", user: "o" } };
    expect(await copied("mail", imap)).toBeUndefined();
    expect(await copied("channel", { format: "jsonl", file: "/nowhere" })).toBeUndefined();
  });
});

describe("a tool of one's own", () => {
  const shelf = new Map<string, number>();
  type Shelf = { item: string; count: number };
  const input = z.strictObject({ item: z.string(), count: z.int() });
  const base: ToolDefinition<typeof input> = {
    ...{ name: "stock-set", description: "", effects: ["state"], input },
    rollback: { mode: "compensate", tool: "stock-set" },
    run: ({ item, count }) => void shelf.set(item, count),
    state: ({ item }) => ({ count: shelf.get(item) ?? 0 }),
    inverse: ({ item }, before) => ({ item, count: (before as unknown as Shelf).count }),
    rehearse: () => [{ item: "nails", count: 7 }],
  };
  const tried = async (more: Partial<ToolDefinition<typeof input>> = {}) => {
    const tool = defineTool({ ...base, ...more });
    shelf.clear();
    return (await rehearse({ tool, undoing: tool }, room)).problem;
  };

  test("TIER-08: passes only if it changes something and is undone whole", async () => {
    expect(await tried()).toBeUndefined();
    expect(await tried({ inverse: ({ item }) => ({ item, count: 1 }) })).toBe(
      "Undone, it is not as before: count: 0 → 1",
    );
    expect(await tried({ state: () => ({ count: 0 }) })).toMatch(/changed nothing that its state shows/);
    expect(await tried({ inverse: () => ({ item: "nails" }) })).toMatch(
      /^Reading before failed: .*does not take what undoes/,
    );
    expect(await tried({ rehearse: () => [{ item: 7 } as never] })).toMatch(/^Example 1 does not fit its input/);
    expect(await tried({ rehearse: () => [] })).toMatch(/no examples/);
    expect(await tried({ run: () => Promise.reject(new Error("away")) })).toBe("Doing it failed: away");
    expect(await tried({ timeoutMs: 20, run: () => new Promise(() => undefined) })).toMatch(/did not answer in time/);
  });

  test("reads its state over http, where what is not there is null", async () => {
    const things = new Map<string, string>();
    const server = createServer((request, answer) => {
      const found = things.get(request.url ?? "");
      if (request.method === "PUT") things.set(request.url ?? "", '{"on":true}');
      if (request.method === "DELETE") things.delete(request.url ?? "");
      answer.writeHead(request.method !== "GET" || found !== undefined ? 200 : 404).end(found);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const egress = [`http://127.0.0.1:${(server.address() as AddressInfo).port}`];
    const thing = { description: "", effects: ["state" as const], egress, input: z.strictObject({ id: z.string() }) };
    const undoing = defineTool({ ...thing, name: "thing-drop", run: ({ id }, { http }) => http.delete(`/${id}`) });
    const tool = defineTool({
      ...{ ...thing, name: "thing-make", rollback: { mode: "compensate", tool: "thing-drop" } },
      run: ({ id }, { http }) => http.put(`/${id}`, {}),
      state: ({ id }, { http }) => http.get(`/${id}`),
      inverse: ({ id }) => ({ id }),
      rehearse: () => [{ id: "a" }],
    });
    const { compared, problem } = await rehearse({ tool, undoing }, room);
    server.close();
    expect([problem, compared[0]?.before, compared[0]?.after, compared[0]?.undone]).toEqual([
      undefined,
      null,
      { on: true },
      null,
    ]);
  });
});
