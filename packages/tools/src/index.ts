export { z } from "zod";
export { type ConnectionKind, type ConnectionSettings, defineConnection, operationOf } from "./connection.ts";
export type {
  HttpAnswer,
  HttpOptions,
  HttpPort,
  RecordPort,
  TaskPort,
  ToolContext,
  TrackerRecord,
} from "./context.ts";
export { BUILTIN_VERSION, bundleDigest, type ToolPlace, toolContract } from "./contract.ts";
export { defineTool, type ReadBack, type Rollback, type Tool, type ToolDefinition } from "./define.ts";
export { type GuardedHttp, guardedHttp } from "./http/guarded.ts";
export { CONNECTION_KINDS, connectionTools, copiedTools } from "./kinds.ts";
export { type Normalisation, normaliseArgs, normalised } from "./normalise.ts";
export { type Compared, type RehearsalRoom, type Rehearsed, rehearse } from "./rehearse/rehearse.ts";
export { readBackOf, resultText } from "./result.ts";
export { role } from "./role.ts";
export { type Captured, captureUndo, readState } from "./undo/capture.ts";
export { MAX_STATE, sameState, stateDifferences, stateOf, stateText } from "./undo/state.ts";
