export {
  type Answer,
  connectOperator,
  type OperatorClient,
  type OperatorOptions,
  type QueryKind,
  type Question,
} from "./client/operator-client.ts";
export { CliError, EXIT } from "./errors.ts";
export { buildOnce, cacheRoot } from "./ground/cache.ts";
export { isExecutable, onPath } from "./ground/programs.ts";
export { pythonServer } from "./ground/python.ts";
export {
  type DatabaseKind,
  type Found,
  type Ground,
  type GroundOptions,
  resolveGround,
  rustTwin,
} from "./ground/resolve.ts";
export { VERSIONS } from "./ground/versions.ts";
export { type Change, diffPolicies, formatChange } from "./policy/diff.ts";
export { formatMistake, type Mistake, type MistakeCode } from "./policy/mistakes.ts";
export { usesRehearsal } from "./policy/models.ts";
export { keyFile, type Project, projectAt } from "./policy/project.ts";
export { type CheckResult, checkProject } from "./policy/project-check.ts";
export { changesSinceSigned, readSigned, type SignedPolicy, signDraft } from "./policy/signed.ts";
export { bundlePrograms, findPrograms, type Programs } from "./supervise/bundle.ts";
export type { Supervised } from "./supervise/supervisor.ts";
export { type Constellation, type ConstellationOptions, startConstellation } from "./up/constellation.ts";
export { signProject } from "./up/sign-project.ts";
