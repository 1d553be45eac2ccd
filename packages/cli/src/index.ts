export { buildOnce, cacheRoot } from "./ground/cache.ts";
export { isExecutable, onPath } from "./ground/programs.ts";
export { type DatabaseKind, type Found, type Ground, type GroundOptions, resolveGround, rustTwin } from "./ground/resolve.ts";
export { VERSIONS } from "./ground/versions.ts";
