import { z } from "zod";
import { defineConnection } from "../connection.ts";
import { defineTool, type Tool } from "../define.ts";
import { role } from "../role.ts";

const Settings = z.strictObject({
  currency: z
    .string()
    .regex(/^[A-Z]{3}$/)
    .default("EUR"),
});

/** Transfers, as a contract without an adapter: an agent may ask, the answer is BLOCK, and there is nothing that could run (S5). */
export const paymentsConnection = defineConnection({
  kind: "payments",
  settings: Settings,
  tools: (name, { currency }) => [transfer(name, currency)],
});

function transfer(connection: string, currency: string): Tool {
  return defineTool({
    name: `${connection}-transfer`,
    tier: "BLOCK",
    description: `Transfers money (${currency}, in cents) to an account.`,
    sentence: `Transfer {cents} cents (${currency}) to the account {account} for {reference}`,
    effects: ["money", "out", "irreversible"],
    reads: [],
    input: z.strictObject({
      account: role("account", z.string().regex(/^[A-Z]{2}\d{2}[A-Z0-9]{11,30}$/)),
      cents: role("amount", z.int().min(1).max(100_000_000)),
      reference: z.string().min(1).max(140),
    }),
  });
}
