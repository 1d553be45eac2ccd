export type { ReportedUsage } from "./chat/answer.ts";
export { MAX_ANSWER_BYTES } from "./chat/bounded-fetch.ts";
export { type Chat, type ChatAnswer, type ChatOptions, type ChatRequest, createChat } from "./chat/chat.ts";
export { costNothing } from "./chat/failures.ts";
export { cost, type PriceTable, priceOf, priceTable } from "./chat/price.ts";
export { type ChatTool, estimateRequest, estimateTokens, type TokenEstimate } from "./chat/tokens.ts";
export { type RehearsalModel, startRehearsalModel } from "./rehearsal/server.ts";
export { REHEARSAL_URL } from "./rehearsal/url.ts";
