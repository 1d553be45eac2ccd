/** The arrows of the design (docs/architecture.md): contracts and core below, services above, nobody sideways. */
const only = (name, from, allowed) => ({
  name,
  severity: "error",
  from: { path: `^${from}/src`, pathNot: "\\.test\\.ts$" },
  to: { path: "^(packages|services|schemas)/", pathNot: `^(${[from, ...allowed].join("|")})/` },
});
const core = "packages/core";
const ground = [core, "schemas"];
const vendor = (pkg, home) => ({
  name: `only-${home.replace("packages/", "")}-imports-${pkg.replace(/[^a-z]/g, "")}`,
  severity: "error",
  from: { pathNot: `^(${home}|examples|test|bench)/` },
  to: { path: `node_modules/${pkg}` },
});

module.exports = {
  forbidden: [
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } } },
    { name: "no-deep-imports", severity: "error", from: { path: "^(packages|services|schemas|examples)/([^/]+)/" }, to: { path: "^packages/([^/]+)/src/(?!index\\.ts$)", pathNot: "^packages/$2/" } },
    { name: "services-meet-on-the-bus", severity: "error", from: { path: "^services/([^/]+)/" }, to: { path: "^services/", pathNot: "^services/$1/" } },
    only("core-stands-alone", core, []),
    only("schemas-need-core", "schemas", [core]),
    only("bus-needs-contracts", "packages/bus", ground),
    only("store-needs-contracts", "packages/store", ground),
    only("llm-needs-contracts", "packages/llm", ground),
    only("policy-needs-contracts", "packages/policy", ground),
    only("tools-need-contracts", "packages/tools", [...ground, "packages/content"]),
    vendor("@nats-io/", "packages/bus"),
    vendor("mongodb/", "packages/store"),
    vendor("@langchain/openai/", "packages/llm"),
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    exclude: { path: "(dist|generated)/" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node", "default"] },
  },
};
