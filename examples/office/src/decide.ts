import type { ProposalView } from "@bulkhead/schemas";
import type { OperatorClient } from "bulkhead";
import { sentence } from "./report.ts";
import { quote, type Screen } from "./screen.ts";
import { headerOf, type PostOffice } from "./smtp.ts";
import { type Sight, watchUntil } from "./watch.ts";

const SETTLE_MS = 20_000;
const REASON = "Not today: this is a demo.";
/** The header by which a mail can be traced to the call that sent it. */
const EFFECT_HEADER = "X-Bulkhead-Effect";

/** What the decisions were made on. */
export interface Desk {
  readonly operator: OperatorClient;
  readonly office: PostOffice;
  readonly screen: Screen;
  readonly signal: AbortSignal;
}

/** Approves one waiting mail and denies another with the demo operator's key, and shows what came of it at the far end. */
export async function decideTwo(desk: Desk, sight: Sight): Promise<Sight> {
  const [yes, no] = sight.waiting.filter(({ action }) => action.tool === "mail-send");
  if (yes === undefined || no === undefined) throw new Error("Fewer than two mails wait for a person.");
  if (desk.office.received.length > 0) throw new Error("A mail left the house before anybody approved it.");
  desk.screen.say(`  approve  ${sentence(yes)}`);
  await desk.operator.decide(yes, "approve");
  const sent = await settled(desk, sight, yes, "executed");
  showDelivered(desk, yes);
  desk.screen.say(`  deny     ${sentence(no)}`);
  await desk.operator.decide(no, "deny", REASON);
  const denied = await settled(desk, sent, no, "denied");
  showAbsent(desk);
  return denied;
}

function settled(desk: Desk, from: Sight, { id }: ProposalView, state: ProposalView["state"]): Promise<Sight> {
  const reached = async (): Promise<boolean> =>
    (await desk.operator.ask({ kind: "proposals.show", proposal: id })).proposal.state === state;
  const expected = `${id} becomes ${state}`;
  return watchUntil(desk.operator, reached, { withinMs: SETTLE_MS, expected, from, signal: desk.signal });
}

/** The post office holds every mail that ever left: one after the approval, and still one after the denial. */
function showDelivered({ office, screen }: Desk, { action }: ProposalView): void {
  const [mail, ...more] = office.received;
  if (mail === undefined || more.length > 0)
    throw new Error(`Approved once, delivered ${office.received.length} times.`);
  const effect = headerOf(mail, EFFECT_HEADER);
  if (effect === undefined) throw new Error("The delivered mail does not carry its effect id.");
  if (!JSON.stringify(action.args).includes(mail.to.join())) throw new Error("The mail went to somebody else.");
  const to = quote(mail.to.join(", "));
  screen.say(`           ${screen.paint.green("delivered")} to ${to}, once, marked ${EFFECT_HEADER}: ${quote(effect)}`);
}

function showAbsent({ office, screen }: Desk): void {
  if (office.received.length !== 1) throw new Error("A mail left the house although it was denied.");
  screen.say(`           ${screen.paint.green("not delivered")}; the agent is told: "${REASON}"`);
}
