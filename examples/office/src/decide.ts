import type { ProposalView } from "@bulkhead/schemas";
import type { OperatorClient } from "bulkhead";
import type { OfficeMail } from "./mails.ts";
import { sentence } from "./report.ts";
import { quote, type Screen } from "./screen.ts";
import { headerOf, type PostOffice } from "./smtp.ts";
import { type Sight, watchUntil } from "./watch.ts";

const SETTLE_MS = 20_000;
const REASON = "Not today: this is a demo.";
/** The header by which a mail can be traced to the call that sent it. */
const EFFECT_HEADER = "X-Bulkhead-Effect";

/** Who decides, and where it can be seen. */
export interface Desk {
  readonly operator: OperatorClient;
  readonly mails: readonly OfficeMail[];
  readonly office: PostOffice;
  readonly screen: Screen;
  readonly signal: AbortSignal;
}

/** Approves one waiting mail and denies another with the demo operator's key, and shows what came of it at the far end. */
export async function decideTwo(desk: Desk, sight: Sight): Promise<Sight> {
  const { yes, no } = choose(desk.mails, sight.waiting);
  if (desk.office.received.length > 0) throw new Error("A mail left the house before anybody approved it.");
  desk.screen.say(`  approve  ${sentence(yes)}`);
  await desk.operator.decide(yes, { outcome: "approve" });
  const sent = await settled(desk, sight, yes, "executed");
  showDelivered(desk, yes);
  desk.screen.say(`  deny     ${sentence(no)}`);
  await desk.operator.decide(no, { outcome: "deny", reason: REASON });
  await settled(desk, sent, no, "denied");
  const told = await watchUntil(
    desk.operator,
    ({ run }) => run.calls.get(no.action.callId)?.code === "approval.denied",
    {
      ...{ withinMs: SETTLE_MS, expected: "the denial is recorded", from: sent, signal: desk.signal },
    },
  );
  showAbsent(desk);
  return told;
}

/** As a person would: an answer to an ordinary mail goes out, one to an advertiser does not. */
function choose(
  mails: readonly OfficeMail[],
  waiting: readonly ProposalView[],
): { yes: ProposalView; no: ProposalView } {
  const sends = waiting.filter(({ action }) => action.tool === "mail-send");
  const senders = mails
    .filter(({ group }) => group.includes("ham"))
    .map(({ text }) => /^from:.*$/im.exec(text)?.[0] ?? "");
  const answersHam = ({ action }: ProposalView): boolean => {
    const { to } = action.args;
    return (
      Array.isArray(to) && to.every((each) => typeof each === "string" && senders.some((from) => from.includes(each)))
    );
  };
  const yes = sends.find(answersHam) ?? sends[0];
  const no =
    sends.find((proposal) => proposal !== yes && !answersHam(proposal)) ?? sends.find((proposal) => proposal !== yes);
  if (yes === undefined || no === undefined) throw new Error("Fewer than two mails wait for a person.");
  return { yes, no };
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
