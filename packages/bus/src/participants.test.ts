import { CONTRACTS } from "@bulkhead/schemas";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { expand, ownValues, parseSubject, servedSubject } from "./participants.ts";

describe("subjects", () => {
  test("are read by their template, and only if every token fits", () => {
    expect(parseSubject("bh.call.{agent}.{tool}", "bh.call.inbox.mail-read")).toEqual({
      agent: "inbox",
      tool: "mail-read",
    });
    expect(parseSubject("$KV.control.budget-{agent}", "$KV.control.budget-inbox")).toEqual({ agent: "inbox" });
    for (const other of ["bh.call.inbox", "bh.call.inbox.mail-read.x", "bh.exec.inbox.mail-read", ""])
      expect(parseSubject("bh.call.{agent}.{tool}", other)).toBeUndefined();
  });

  test("that are expanded are read back to the same values", () => {
    const name = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,10}$/);
    fc.assert(
      fc.property(name, name, (agent, tool) => {
        const [subject = ""] = expand(CONTRACTS.call.subject, (key) => [key === "agent" ? agent : tool]);
        expect(parseSubject(CONTRACTS.call.subject, subject)).toEqual({ agent, tool });
      }),
    );
  });

  test("of placeholders without values are none at all, never a wildcard", () => {
    expect(expand("bh.call.{agent}.{tool}", (key) => (key === "agent" ? ["a", "b"] : []))).toEqual([]);
  });

  test("that are served hold the own tool set, not another's", () => {
    expect(servedSubject(CONTRACTS.exec, "exec-mail")).toBe("bh.exec.mail");
    expect(servedSubject(CONTRACTS.call, "gateway")).toBe("bh.call.*.*");
  });

  test("pin the own name, which nobody chooses", () => {
    expect(ownValues("host-inbox")).toEqual({ service: "host-inbox", agent: "inbox" });
    expect(ownValues("gateway")).toEqual({ service: "gateway" });
  });
});
