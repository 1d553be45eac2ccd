export { type ProposalsConfig, proposalsConfig } from "./config.ts";
export { startProposals } from "./service.ts";
