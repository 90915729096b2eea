import { readFileSync } from "node:fs";
import { ops } from "../../dist/mil/ops/index.js";
import { blocks, code, table } from "./markdown.mjs";

/** docs/ops.md: every operation of the language, and the packages by coremltools that prove its row. */
export function opsPage() {
  const corpus = JSON.parse(readFileSync("test/corpus/index.json", "utf8"));
  const rows = Object.entries(ops).map(([name, row]) => {
    const holding = corpus.filter((c) => c.ops.includes(name));
    const opsets = [...new Set(holding.map((c) => c.opset))].sort();
    const half = holding.filter((c) => c.precision === "fp16").length;
    return [
      code(name),
      row.since ?? "iOS15",
      corpus.filter((c) => c.op === name).length,
      holding.length,
      half,
      opsets.join(", "),
    ];
  });
  return blocks(
    "# Operations",
    "Made from `src/mil/ops` and `test/corpus/index.json` by `npm run docs`.",
    [
      "The operations the program writes, reads and runs. The corpus holds packages written by coremltools, with the values",
      "that PyTorch (or NumPy) computes; every package is run in the tests.",
    ].join("\n"),
    `${rows.length} operations, ${corpus.length} packages.`,
    table(["operation", "from", "packages about it", "packages that hold it", "of these fp16", "written for"], rows),
  );
}
