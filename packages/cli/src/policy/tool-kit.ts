/** What a tool file of a user may import from `@bulkhead/sdk`: bundled into it from the CLI's own copy. */
export { defineTool, type ReadBack, role, type ToolContext, z } from "@bulkhead/tools";
