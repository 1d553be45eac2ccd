/**
 * What this repository promises, as pure data. `covered`: tests show all of it. `part`: tests show what is not named in `missing`.
 * `planned`: not built; no test may claim it. `requirements.test.ts` holds the three apart.
 */
export type Requirement =
  | { readonly text: string; readonly status: "covered" }
  | { readonly text: string; readonly status: "part"; readonly missing: string }
  | { readonly text: string; readonly status: "planned"; readonly area: string };

const covered = (text: string): Requirement => ({ text, status: "covered" });
const part = (text: string, missing: string): Requirement => ({ text, status: "part", missing });
const planned = (area: string, text: string): Requirement => ({ text, status: "planned", area });

/** The invariants of docs/invariants.md. */
const INVARIANTS = {
  S1: covered("No effect without a decision, a durable intent record and the signatures that policy asks for."),
  S2: covered(
    "Gateway and watchdog each decide on facts of their own and sign one digest; the executor determines what is needed.",
  ),
  S3: covered("What a human approved is, byte for byte, what runs, once; no service can approve."),
  S4: covered("The effective tier is never below the declared one; what is unknown, missing or stale is denied."),
  S5: covered("A declared BLOCK has no adapter; an effective BLOCK is refused by gateway and executor alike."),
  S6: part(
    "History cannot be changed, dropped, reordered or truncated unseen.",
    "checkpoints, witness, offline verifier, erasure",
  ),
  S7: part("Settled + reserved ≤ cap at every instant, over all replicas.", "caps per principal and month"),
  S8: covered("A worker can reach nothing but its pipe."),
  S9: part("Labels rise before content can be seen, on every path, and never fall.", "memory, messages between agents"),
  S10: covered(
    "kill -9 anywhere loses nothing acknowledged and repeats no effect; an unknowable outcome is called unknown.",
  ),
  S11: part(
    "All this holds with no injection scanner and every model adversarial.",
    "endorsement of authority arguments by registries",
  ),
} as const satisfies Record<string, Requirement>;

const TIERS = {
  "TIER-01": covered("An undeclared action is denied; an empty policy refuses to start."),
  "TIER-02": covered("The effective tier is the maximum of all its inputs; nothing in a payload changes it."),
  "TIER-03": covered("Whatever throws, times out or is unknown in a decision denies."),
  "TIER-05": part("Sticky labels: A and C together ask a human.", "B and out: clearance of destinations"),
  "TIER-06": covered("Rules look at arguments and at what a window adds up to; replicas share the window."),
  "TIER-07": covered(
    "Outward, financial and irreversible tools never run automatically without owner, reason and expiry.",
  ),
  "TIER-10": covered("A delegated task gets at most the ceiling of its chain; the principal travels along."),
  "TIER-08": covered("PROPOSE only with a registered and rehearsed inverse, captured before the call runs."),
  "TIER-09": covered("Stop at every level within 2 s, acknowledged by every replica; it survives restart."),
  "TIER-11": covered("Two distinct natural persons for critical actions."),
} as const satisfies Record<string, Requirement>;

const PROPOSALS = {
  "PROP-01": covered("A suspended call can never be read as allowed."),
  "PROP-02": covered(
    "The digest covers caller, principal, task, call, tool, tool hash, arguments, policy, tier, nonce, expiry.",
  ),
  "PROP-03": covered("The executor recomputes the digest from the bytes that it is about to send."),
  "PROP-04": covered("An approval is used once."),
  "PROP-05": covered("Expiry and absence end in denied or expired, never in approved."),
  "PROP-06": covered("The approver is who signed; agents and services cannot approve."),
  "PROP-07": covered("Decisions are signed over proposal and digest, and verified by whoever acts on them."),
  "PROP-11": covered("At release the call is decided again under the present policy and control state."),
  "PROP-12": part("Waiting proposals are bounded per agent; an identical one is coalesced.", "ordering by risk"),
  "PROP-08": part(
    "The exact action in full, by rule and not by a model, with agent text marked.",
    "a digest of what was shown, in the record",
  ),
  "PROP-15": covered(
    "The watchdog finds what is stuck, silent, looping, unsigned or unrecorded, and can neither approve nor execute.",
  ),
  "PROP-10": covered("An edit is a new proposal with a new digest and a parent, decided anew."),
  "PROP-17": part(
    "Reserved events never reach a machine; windows outlive a crash.",
    "integrity of snapshots in the database",
  ),
  "PROP-18": part(
    "A window counts only time in which somebody could act.",
    "an audit entry of its own for a clock's jump",
  ),
} as const satisfies Record<string, Requirement>;

const INPUT = {
  "INJ-01": covered("Content from outside carries provenance from the boundary on."),
  "INJ-02": covered("What is derived from untrusted content is untrusted."),
  "INJ-10": part("Names match one strict ASCII grammar.", "confusable skeletons at registration"),
  "INJ-11": covered("Tool definitions and code are pinned by hash."),
  "INJ-12": covered("Tool arguments are validated against closed schemas before a decision."),
  "INJ-18": covered("Control and invisible characters are shown escaped on terminals."),
  "INJ-19": covered("JSON is parsed strictly: UTF-8, no duplicate or forbidden keys, bounded."),
  "INJ-13": part("Outbound access is allow-listed per tool; private ranges are blocked.", "entropy of query strings"),
  "INJ-03": planned("injection", "Untrusted content is wrapped with a fresh random marker."),
} as const satisfies Record<string, Requirement>;

const ONCE = {
  "DED-02": covered("At most one execution per call id across replicas."),
  "DED-03": part(
    "Normalisation is declared per tool and field; an identical question is one proposal.",
    "absent and null",
  ),
  "DED-06": covered("The same id with another body is a conflict and a security event."),
  "DED-08": covered("An outcome that cannot be known is `unknown` and is not retried."),
  "BRK-07": covered("Every task has hard limits on steps, calls, tokens, time and depth."),
  "BRK-01": planned("breakers", "Circuit breakers per tool, agent, destination and provider."),
} as const satisfies Record<string, Requirement>;

const MONEY = {
  "COST-01": part("Hard caps per call, task, agent and organisation and day.", "month, principal, alerts"),
  "COST-02": covered("Spending is reserve, execute, settle; the reservation is one conditional update."),
  "COST-03": covered("The reservation is the worst case; a model without a price is refused."),
  "COST-04": covered("Money is integer micro-units with a versioned price table."),
} as const satisfies Record<string, Requirement>;

const KEYS = {
  "CRED-01": covered("No secret in prompts, snapshots, proposals, bus messages, logs or records."),
  "CRED-04": part(
    "Every agent host, service and person has a key of its own.",
    "wildcards remain in publish rights where a task's name is not known beforehand (labels, timers)",
  ),
  "CRED-05": covered("Database roles are minimal; nobody can update or delete audit data."),
  "CRED-07": part("Key files are 0600 or stricter, else refused.", "envelope encryption at rest"),
} as const satisfies Record<string, Requirement>;

const AUDIT = {
  "AUD-01": covered(
    "Every decision, call, proposal, approval, effect, refusal and model call is recorded; there is no switch.",
  ),
  "AUD-09": covered("An intent is durable before an effect, and an outcome follows."),
  "AUD-10": covered("If a record is not acknowledged, the effect is denied."),
  "AUD-11": covered("Sequence numbers are gapless and unique under concurrent writers and failover."),
  "AUD-12": covered("The ledger's database user can insert and find, and nothing else."),
  "AUD-14": part("Entries hold no free text and no personal data.", "salted commitments, tombstones"),
  "AUD-03": part("Canonical JSON, RFC 6962 leaves, a rolling hash.", "the Merkle tree over them"),
  "AUD-04": planned("checkpoints", "Signed checkpoints after C2SP."),
  "AUD-07": planned("checkpoints", "An offline verifier."),
} as const satisfies Record<string, Requirement>;

const PRIVACY = {
  "GD-04": covered("Client texts live in the TTL content store alone; elsewhere are references."),
  "GD-06": part("Expired content is invisible at once and removed by TTL.", "signed deletion report"),
  "GD-07": part("Retention covers streams, snapshots and dead letters.", "backups"),
} as const satisfies Record<string, Requirement>;

const OVERSIGHT = {
  "AIA-10": part(
    "Approving, denying, editing, cancelling and undoing are events of their own, and counted in the report.",
    "reasons",
  ),
  "AIA-11": part(
    "A stop takes two interactions at the command line; each is recorded with measured times.",
    "a console",
  ),
} as const satisfies Record<string, Requirement>;

const ZERO_TRUST = {
  "ZT-01": covered("Every effect passes the gateway; there is no other path to an executor."),
  "ZT-02": covered("Whatever is acted on is signed over its canonical form and verified by its consumer."),
  "ZT-03": part("Replays are rejected by id and a window of five minutes.", "a seen-set for reads"),
  "ZT-04": covered("Bus permissions are explicit lists; agents have no JetStream rights; inboxes are private."),
  "ZT-05": covered("No service can be made to publish to a subject of the caller's choice."),
  "ZT-06": covered("Names in subjects, keys and file names match the token grammar."),
  "ZT-07": part("TLS outside loopback.", "mutual TLS between services"),
  "ZT-10": part("Start refuses insecure states.", "a signed start record"),
  "ZT-11": part("Agent workers run sandboxed: no network, no files, bounded.", "a sandbox for custom tool code"),
} as const satisfies Record<string, Requirement>;

/** Every requirement that this repository speaks of; the full catalogue is larger, and what is not here is not claimed. */
export const REQUIREMENTS = {
  ...INVARIANTS,
  ...TIERS,
  ...PROPOSALS,
  ...INPUT,
  ...ONCE,
  ...MONEY,
  ...KEYS,
  ...AUDIT,
  ...PRIVACY,
  ...OVERSIGHT,
  ...ZERO_TRUST,
} as const;

/** The id of a requirement: a typing mistake in a test is a type error. */
export type RequirementId = keyof typeof REQUIREMENTS;
