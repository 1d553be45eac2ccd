import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** A user's project in a folder of its own, as `bulkhead init` would leave it, but for its signature. */
export interface Company extends AsyncDisposable {
  readonly dir: string;
}

/** The agents of the tests: `inbox` reads mail and asks to send, `finance` keeps books, `clerk` has tools of its own. */
export const COMPANY_YAML = `
name: company
currency: EUR
daily: 5.00
agents:
  inbox:
    purpose: You look after the mailbox. A task names mails by their ids. Do what the task says with them.
    tools:
      mail-list: AUTO
      mail-read: AUTO
      mail-label: AUTO+
      mail-draft: AUTO+
      mail-send: CONFIRM
      task-create: AUTO+
      ping: AUTO
      mark: AUTO+
    daily: 2.00
    concurrency: 2
  finance:
    purpose: You keep the books.
    tools:
      books-list: AUTO
      books-create: AUTO+
      payments-transfer: BLOCK
    daily: 1.00
connections:
  mail:
    kind: mail
    store: { type: maildir, path: mail }
    smtp: { host: 127.0.0.1, port: SMTP_PORT, secure: false, user: office }
    from: office@example.org
    folders: [Archive]
    labels: [important, invoice, newsletter, spam]
  books: { kind: tracker, kinds: [invoice] }
  payments: { kind: payments }
  task: { kind: tasks, agents: [finance] }
operators:
  ana: { roles: [approver, admin] }
  bob: { roles: [viewer] }
clients:
  web: { agents: [inbox] }
approval: { timeout: 24h, onTimeout: deny }
`;

const PING = `import { defineTool } from "@bulkhead/sdk";
import { z } from "zod";
export default defineTool({
  name: "ping", description: "Answers at once.", effects: [], reads: [], input: z.strictObject({ n: z.int() }),
  run: ({ n }) => ({ n }),
});
`;

const MARK = `import { appendFileSync } from "node:fs";
import { defineTool } from "@bulkhead/sdk";
import { z } from "zod";
export default defineTool({
  name: "mark", description: "Appends a word to the marks.", effects: ["state"], reads: [],
  input: z.strictObject({ word: z.string().max(40) }),
  run: ({ word }, { callId }) => { appendFileSync("MARKS", callId + " " + word + "\\n"); return { marked: word }; },
});
`;

/** What differs from the standard company. */
export interface CompanyOptions {
  readonly yaml?: string;
  readonly smtpPort?: number;
  /** Mails by file name, as they would arrive. */
  readonly mails?: Readonly<Record<string, string | Uint8Array>>;
  readonly tools?: Readonly<Record<string, string>>;
}

/** Writes a project. `MARKS` in a tool's source becomes a file in the folder. */
export async function company(options: CompanyOptions = {}): Promise<Company> {
  const dir = await mkdtemp(join(tmpdir(), "bulkhead-company-"));
  const put = async (name: string, content: string | Uint8Array, mode = 0o644): Promise<void> => {
    const file = join(dir, name);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content, { mode });
    await chmod(file, mode);
  };
  await put("bulkhead.yaml", (options.yaml ?? COMPANY_YAML).replaceAll("SMTP_PORT", String(options.smtpPort ?? 2525)));
  for (const [name, source] of Object.entries({ ping: PING, mark: MARK, ...options.tools })) {
    await put(`tools/${name}.ts`, source.replaceAll("MARKS", join(dir, "marks.txt")));
  }
  await put("credentials/mail-smtp", "hunter2-smtp-secret", 0o600);
  for (const folder of ["cur", "new", "tmp"]) await mkdir(join(dir, "mail", folder), { recursive: true });
  for (const [name, mail] of Object.entries(options.mails ?? {})) await put(`mail/new/${name}`, mail);
  return { dir, [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }) };
}
