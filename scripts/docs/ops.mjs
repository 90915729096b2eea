import { readFileSync } from "node:fs";
import { ops } from "../../dist/mil/ops/index.js";
import { blocks, code, table } from "./markdown.mjs";

const read = (name) => JSON.parse(readFileSync(`test/corpus/${name}.json`, "utf8"));
const errorOf = (errors, c) => errors[`${c.op}/${c.case}`] ?? { error: Number.NaN, relative: Number.NaN, gate: 0 };

/** How much of what is allowed an error takes; integers, which have no gate, take nothing of it. */
const share = ({ error, gate }) => (gate === 0 ? 0 : error / gate);
const shareText = (e) => (share(e) === 0 ? "0" : `${Math.max(0.1, share(e) * 100).toFixed(share(e) < 0.1 ? 1 : 0)} %`);

const number = (x) => (x !== 0 && (x < 1e-3 || x >= 1e4) ? x.toExponential() : String(x));
const pageOf = (op) => op[0];

function worstOf(errors, cases) {
  return cases.map((c) => errorOf(errors, c)).reduce((a, b) => (share(b) > share(a) ? b : a));
}

/** docs/ops.md: every operation of the language, how many packages by coremltools prove its row, and how well. */
export function opsPage() {
  const [corpus, errors] = [read("index"), read("errors")];
  const rows = Object.entries(ops).map(([name, row]) => {
    const own = corpus.filter((c) => c.op === name);
    const holding = corpus.filter((c) => c.ops.includes(name));
    const worst = worstOf(errors, own);
    return [
      `[${code(name)}](ops/${pageOf(name)}.md#${name})`,
      own.length,
      number(worst.error),
      shareText(worst),
      row.since ?? "iOS15",
      holding.length,
      holding.filter((c) => c.precision === "fp16").length,
      [...new Set(holding.map((c) => c.opset))].sort().join(", "),
    ];
  });
  return blocks(
    "# Operations",
    "Made from `src/mil/ops`, `test/corpus/index.json` and `test/corpus/errors.json` by `npm run docs`.",
    [
      "The operations the program writes, reads and runs. The corpus holds packages written by coremltools, with the values",
      "that PyTorch (or NumPy) computes; every package is run in the tests. The worst error is the largest absolute",
      "difference in the case that comes nearest to what it is allowed (its gate), and how much of the gate that is. An",
      "error of 0 is an exact result. The name of an operation leads to its cases.",
    ].join("\n"),
    `${rows.length} operations, ${corpus.length} packages.`,
    table(
      [
        "operation",
        "cases",
        "worst error",
        "of its gate",
        "from",
        "packages that hold it",
        "of these fp16",
        "written for",
      ],
      rows,
    ),
    `Whole models: [${corpus.filter((c) => c.op === "models").length} cases](ops/models.md).`,
  );
}

function section(errors, op, cases) {
  const rows = cases.map((c) => {
    const e = errorOf(errors, c);
    return [code(c.case), c.opset, c.precision, number(e.error), number(e.relative), number(e.gate), shareText(e)];
  });
  return [`## ${op}`, table(["case", "opset", "precision", "error", "relative", "gate", "of its gate"], rows)];
}

/** docs/ops/<letter>.md and docs/ops/models.md: every case of an operation with its error. Path and text of each page. */
export function opsDetailPages() {
  const [corpus, errors] = [read("index"), read("errors")];
  const page = (title, names) =>
    blocks(
      `# ${title}`,
      [
        "Made from `test/corpus/index.json` and `test/corpus/errors.json` by `npm run docs`. The error is the largest absolute",
        "difference, relative means over the largest magnitude among the expected values, the gate is the largest difference",
        "that is allowed. Each is that of the output nearest to its gate, and rounded up to two digits.",
      ].join("\n"),
      ...names.map((name) =>
        section(
          errors,
          name,
          corpus.filter((c) => c.op === name),
        ),
      ),
    );
  const names = Object.keys(ops);
  const letters = [...new Set(names.map(pageOf))];
  return [
    ...letters.map((letter) => [
      `docs/ops/${letter}.md`,
      page(
        `Cases of the operations with ${letter.toUpperCase()}`,
        names.filter((name) => pageOf(name) === letter),
      ),
    ]),
    ["docs/ops/models.md", page("Cases of whole models", ["models"])],
  ];
}
