/** What must not be committed: keys, secrets, state. */
export const GITIGNORE = ".bulkhead/\ncredentials/\nchannel.jsonl\n";

/** A first file for the first task. */
export const WELCOME = `Welcome.

The office is open from Monday to Friday, nine to five.
The next team meeting is on Thursday at ten.
`;

/** A policy that runs as it is: one agent, local connections only, one operator. */
export function policyTemplate(name: string): string {
  return `# What agents may do here. One file, and an administrator signs it: nothing counts before that.
# What is not said is denied. After a change: npx bulkhead check, then npx bulkhead sign (or up, which offers to sign).
#
# Each tool that an agent may ask for has a tier:
#   AUTO      reading. Runs, and is recorded.
#   AUTO+     small changes inside the house. Runs, and is recorded.
#   PROPOSE   runs now, and you can undo it: { tier: PROPOSE, window: 15m }. For tools whose undoing was rehearsed.
#   CONFIRM   a person decides first. If nobody decides, nothing ever happens. Two persons: { tier: CONFIRM, approvals: 2 }
#   BLOCK     never.

name: ${name}
mode: enforce # or observe: everything is decided and recorded, nothing is done
currency: EUR
daily: 5.00 # all agents together, a day

# --- Agents: what each is for, and what it may ask for ---------------------------------------------------------
agents:
  assistant:
    # What the language model is told. It is a wish, not a limit: the limits are the tiers below.
    purpose: |
      You help a small team with its files, its notes and its channel.
    model: small
    daily: 1.00
    tools:
      files-list: AUTO
      files-read: AUTO
      notes-list: AUTO
      notes-create: AUTO+
      channel-post: CONFIRM # it leaves the house, so a person reads it first

# --- Connections: what the tools reach. Secrets never stand here: they are files in credentials/, mode 0600 -------
# Kinds: channel, files, http, mail, payments, tasks, tracker. Paths start at this folder.
connections:
  files:
    kind: files
    root: files # confined to this folder; add "write: true" for files-write and the like
  notes:
    kind: tracker
    kinds: [note]
  channel:
    kind: channel
    format: jsonl # a file; or discord, slack with "origin: https://…" and the webhook in credentials/channel-webhook
    file: channel.jsonl

# Tools of your own are files in tools/: each exports one defineTool from @bulkhead/sdk, and is granted like the others.

# --- People: each signs with a key of their own (.bulkhead/keys/operator-<name>.json) ---------------------------
operators:
  owner:
    person: owner
    roles: [approver, admin]

# --- Programs that may publish plain tasks, which count as untrusted text ---------------------------------------
# clients:
#   web: { agents: [assistant] }

# --- Models. Without this part every class is the rehearsal model: local, free, and gullible on purpose ---------
# Where OPENAI_BASE_URL is set, leave out url and credential: they are taken from it and from OPENAI_API_KEY.
# models:
#   small:
#     url: https://api.openai.com/v1 # any endpoint of the OpenAI chat-completions format
#     model: gpt-5-mini
#     credential: openai # the key, in credentials/openai
#     price: { input: 0.25, output: 2.00 } # per million tokens
`;
}
