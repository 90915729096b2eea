import { elementCount } from "../tensor/dtype.ts";
import type { Comparison } from "../validate/comparison.ts";
import type { PackageValidation, SetResult } from "../validate/package-validation.ts";
import type { ReferenceKind } from "../validate/reference.ts";
import { notComparedText, type Verdict } from "../validate/verdict.ts";
import { figure, type Row, rowsOf, tupleText } from "./figures.ts";

type Findings = Omit<PackageValidation, "measured">;

export interface LogOptions {
  /** Where the package lies, as the user named it; undefined when it was not kept. */
  readonly savedAt: string | undefined;
  /** The package was there before and was only compared. */
  readonly isGiven?: boolean;
  /** The output that holds a classifier's probabilities. */
  readonly probabilities?: string | undefined;
}

/**
 * The lines a terminal shows, in the words of the 2023 exporter where the same thing happened. Where Core ML itself did
 * not run, the first line says what did, and the last one does not say that all is good.
 */
export function validationLog(found: Findings, options: LogOptions): string[] {
  const { verdict } = found;
  return [
    ...(verdict.status === "not-run" ? [] : [firstLine(verdict)]),
    ...bodyLines(found, options),
    ...(found.sets.length > 0 ? [`\t- reference: ${referenceText[found.reference.kind](found.reference.name)}`] : []),
    ...found.diagnostics.map((d) => `\t- ${d.severity}: ${d.path ? `${d.path}: ` : ""}${d.message}`),
    lastLine(verdict, options),
  ];
}

/** What agreement with a reference shows, and what it does not. */
const referenceText: Readonly<Record<ReferenceKind, (name: string) => string>> = {
  golden: () => "golden (the inputs and outputs you saved)",
  checkpoint: () =>
    "checkpoint (our float32 graph over its own bytes: errors of writing, precision and execution show, a misread architecture would not)",
  onnx: (name) => `onnx (${name}, the repository's own file: this program had no part in it)`,
};

const firstLine = ({ executor }: Verdict): string =>
  executor === "coreml"
    ? "Validating Core ML model..."
    : "Validating Core ML model with ONNX Runtime (Core ML itself does not run here)...";

function lastLine(verdict: Verdict, { savedAt, isGiven = false }: LogOptions): string {
  const found = `${isGiven ? "package" : "model saved at"}: ${savedAt}`;
  const saved = savedAt === undefined ? "the model was not saved" : found;
  if (verdict.status === "failed") return `Validation failed: ${verdict.reason}, ${saved}`;
  if (verdict.status === "not-run") return `Not validated: ${verdict.reason}, ${saved}`;
  const how = verdict.executor === "coreml" ? "All good" : "Passed (package run by ONNX Runtime)";
  return `${how}${notComparedText(verdict.notCompared)}, ${saved}`;
}

function bodyLines(found: Findings, { probabilities }: LogOptions): string[] {
  const { sets, classes } = found;
  if (sets.length === 0) return [];
  const rows = rowsOf(sets);
  const outputs = [...new Set(sets.flatMap((s) => s.comparisons.map((c) => c.output)))];
  const isScores = (output: string): boolean => classes !== null && output === probabilities;
  const plain = outputs.filter((o) => !isScores(o));
  const mismatch = sets.find((s) => s.missing.length + s.extra.length > 0);
  const spread = found.precisionSpread.map(
    (s) =>
      `\t- precision spread of "${s.output}": ${figure(s.maxAbsolute)} (max |reference| ${figure(s.maxReference)})`,
  );
  return [
    ...(mismatch ? [nameMismatch(mismatch)] : plain.length > 0 ? [nameMatch(plain)] : []),
    ...(classes
      ? classifierLines(
          found,
          rows.filter((r) => isScores(r.comparison.output)),
        )
      : []),
    ...plain.flatMap((output) => [
      `\t- Validating Core ML model output "${output}":`,
      ...outputLines(rows.filter((r) => r.comparison.output === output)),
    ]),
    ...spread,
  ];
}

const setText = (names: readonly string[]): string =>
  names.length === 0 ? "set()" : `{${names.map((n) => `'${n}'`).join(", ")}}`;
const nameMatch = (names: readonly string[]): string =>
  `\t-[✓] Core ML model output names match reference model (${setText(names)})`;

function nameMismatch({ comparisons, missing, extra }: SetResult): string {
  const both = comparisons.map((c) => c.output);
  return `\t-[x] Core ML model output names ${setText([...both, ...extra])} do not match reference model ${setText([...both, ...missing])}`;
}

function classifierLines({ sets, classes }: Findings, rows: readonly Row[]): string[] {
  const failing = sets.flatMap((s) => (s.label && !s.label.passed ? [s.label] : []));
  const labels = failing.length > 0 ? failing : sets.flatMap((s) => s.label ?? []).slice(0, 1);
  return [
    "\t- Core ML model is classifier, validating output",
    ...labels.map(({ passed, actual, expected, tie }) => {
      if (!passed) return `\t\t-[x] predicted class ${actual} doesn't match ${expected}`;
      return `\t\t-[✓] predicted class ${actual} ${tie && actual !== expected ? "ties with" : "matches"} ${expected}`;
    }),
    ...(classes
      ? [
          classes.passed
            ? `\t\t-[✓] number of classes ${classes.actual} matches ${classes.expected}`
            : `\t\t-[x] number of classes ${classes.actual} doesn't match ${classes.expected}, or their names differ`,
        ]
      : []),
    ...valueLines(rows),
  ];
}

function outputLines(rows: readonly Row[]): string[] {
  const wrong = rows.filter(
    ({ comparison: { error, shape } }) => !error && String(shape.actual) !== String(shape.expected),
  );
  if (wrong.length > 0)
    return wrong.map(
      ({ set, comparison: { shape } }) =>
        `\t\t-[x] shape ${tupleText(shape.actual)} doesn't match ${tupleText(shape.expected)} (${set})`,
    );
  const largest = [...rows].sort((a, b) => sizeOf(b) - sizeOf(a))[0];
  const { shape } = (largest as Row).comparison;
  return [`\t\t-[✓] ${tupleText(shape.actual)} matches ${tupleText(shape.expected)}`, ...valueLines(rows)];
}

const sizeOf = ({ comparison }: Row): number => elementCount(comparison.shape.expected);

/** The gate of the worst set, and what is worst about it; each failing set. */
function valueLines(rows: readonly Row[]): string[] {
  const failing = rows.filter((r) => !r.comparison.passed);
  if (failing.length > 0)
    return failing.flatMap(({ set, comparison }) => [
      `\t\t-[x] values not close enough (atol: ${gate(comparison)})`,
      `\t\t\t- ${set}: ${comparison.failures.join("; ")}${divergenceText(comparison)}`,
    ]);
  const [worst] = rows;
  if (!worst) return [];
  const { error, tolerance } = worst.comparison;
  return [
    `\t\t-[✓] all values close (atol: ${gate(worst.comparison)})`,
    ...(error && tolerance
      ? [
          `\t\t\t- ${rows.length} input ${rows.length === 1 ? "set" : "sets"}, worst ${worst.set}: max |difference| ${figure(error.maxAbsolute)}, max |reference| ${figure(error.maxReference)}`,
          `\t\t\t- atol ${tolerance.rule}`,
        ]
      : []),
  ];
}

const gate = ({ tolerance }: Comparison): string => (tolerance ? figure(tolerance.atol) : "none");

function divergenceText({ firstDivergence: first }: Comparison): string {
  if (!first) return "";
  const value = (x: number | null): string => (x === null ? "not finite" : figure(x));
  return `; first at ${tupleText(first.index)}: ${value(first.actual)}, expected ${value(first.expected)}`;
}
