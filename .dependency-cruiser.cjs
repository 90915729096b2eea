/**
 * Which part of `src/` may import which, `import type` included.
 *
 * Highest layer first; a file imports from its own layer or a lower one. Parts named together in one layer may import
 * each other. Every file must belong to a layer, so a new folder gets its place here first.
 *
 * Cycles inside a layer are the linter's (`noImportCycles` in biome.json): it tells a type from a value, which the
 * parser used here does not, and types may refer to each other across files.
 */
const layers = [
  { name: "shells", path: "^src/shells/" },
  { name: "public API", path: "^src/index\\.ts$" },
  { name: "publish", path: "^src/(bot|github)/" },
  { name: "pipeline", path: "^src/(assembly/|diff/|(?!(?:index|plan|options|version|diagnostics)\\.ts$)[^/]+\\.ts$)" },
  { name: "hub", path: "^src/hub/" },
  { name: "report", path: "^src/report/" },
  { name: "validate", path: "^src/validate/" },
  { name: "run", path: "^src/run/" },
  { name: "coreml", path: "^src/coreml/" },
  { name: "passes", path: "^src/passes/" },
  { name: "planning", path: "^src/(planning/|options\\.ts$|version\\.ts$)" },
  { name: "tasks and architectures", path: "^src/(tasks|architectures)/" },
  { name: "nn", path: "^src/nn/" },
  { name: "mil and checkpoint", path: "^src/(mil|checkpoint)/" },
  { name: "plan", path: "^src/plan\\.ts$" },
  { name: "tensor", path: "^src/tensor/" },
  { name: "diagnostics", path: "^src/diagnostics\\.ts$" },
];

const downwardOnly = layers.slice(1).map((layer, index) => ({
  name: `${layer.name} imports downward only`,
  severity: "error",
  from: { path: layer.path },
  to: { path: layers.slice(0, index + 1).map((higher) => higher.path) },
}));

const anyLayer = layers.map((layer) => layer.path);

/** Packages that belong to one part: everything else stays free of native code, protobuf and command lines. */
const packageHomes = [
  { packages: "onnxruntime-node", home: "^src/run/" },
  { packages: "protobufjs", home: "^src/(coreml|run)/" },
  { packages: "commander|@actions/[^/]+", home: "^src/shells/" },
];

module.exports = {
  forbidden: [
    ...downwardOnly,
    {
      name: "the language and the readers do not know each other",
      severity: "error",
      from: { path: "^src/(mil|checkpoint)/" },
      to: { path: "^src/(mil|checkpoint)/", pathNot: "^src/$1/" },
    },
    {
      name: "every file has a layer",
      severity: "error",
      from: {},
      to: { path: "^src/", pathNot: anyLayer },
    },
    {
      name: "every importing file has a layer",
      severity: "error",
      from: { path: "^src/", pathNot: anyLayer },
      to: {},
    },
    {
      name: "every lone file has a layer",
      severity: "error",
      from: { orphan: true, path: "^src/", pathNot: anyLayer },
      to: {},
    },
    { name: "every import resolves", severity: "error", from: {}, to: { couldNotResolve: true } },
    {
      name: "the product stands on its dependencies alone",
      severity: "error",
      from: { path: "^src/" },
      to: { dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown"] },
    },
    {
      name: "the product does not import tests or scripts",
      severity: "error",
      from: { path: "^src/" },
      to: { path: "^(test|bench|scripts|fixtures|examples|dist)/" },
    },
    ...packageHomes.map(({ packages, home }) => ({
      name: `${packages} is imported by its own part only`,
      severity: "error",
      from: { path: "^src/", pathNot: home },
      to: { path: `(^|/)node_modules/(${packages})/` },
    })),
  ],
  options: {
    // TypeScript 7 exports no compiler API, and without it dependency-cruiser silently finds no modules.
    parser: "swc",
    tsPreCompilationDeps: true,
    doNotFollow: { path: "node_modules" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node", "types", "default"] },
  },
};
