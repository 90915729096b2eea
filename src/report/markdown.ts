import type { Diagnostic } from "../diagnostics.ts";
import { verdictText } from "../validate/verdict.ts";
import { byteFigure, cosineFigure, figure, type Row, rowsOf, tupleText } from "./figures.ts";
import { type Cell, code, escaped, table } from "./markdown-cells.ts";
import { fitted, MAX_COMMENT } from "./markdown-fit.ts";
import type { PackageReport, Report } from "./report.ts";

/** Rows of a table shown; the worst come first. */
const MAX_ROWS = 50;

/**
 * The report as GitHub-flavoured Markdown: the verdict, one table of outputs per package, everything else folded.
 * @param limit the most characters (UTF-16, as GitHub counts); what does not fit is left out, and a note says so
 */
export function markdownReport(report: Report, limit = MAX_COMMENT): string {
  const { tool, model, verdict, diagnostics } = report;
  const title = `## ${mark(verdict.status)} ${escaped(model.name)}: ${escaped(verdictText(verdict))}`;
  const blocks = [title, ...report.packages.flatMap((p) => packageBlocks(p, report)), ...diagnosticBlocks(diagnostics)];
  return fitted([...blocks, footer(report, tool.version)], limit);
}

const mark = (status: "passed" | "failed" | "not-run"): string =>
  ({ passed: "✅", failed: "❌", "not-run": "⚪" })[status];

function packageBlocks(p: PackageReport, report: Report): string[] {
  const { plan, validation } = p;
  const { verdict, reference, sets } = validation;
  const facts = [plan.task, plan.part === "model" ? "" : plan.part, plan.precision, plan.target, byteFigure(p.bytes)];
  const heading = `### ${code(p.name)}\n\n${mark(verdict.status)} **${escaped(verdictText(verdict))}** · ${facts.filter(Boolean).join(" · ")}`;
  const against = `Reference: ${reference.kind} (${escaped(reference.name)}), ${sets.length} input sets`;
  const mismatches = sets.flatMap((s) => [
    ...s.missing.map((o) => `- ${code(s.name)}: output ${code(o)} is missing`),
    ...s.extra.map((o) => `- ${code(s.name)}: output ${code(o)} is not in the reference`),
    ...(s.label && !s.label.passed
      ? [`- ${code(s.name)}: label ${code(String(s.label.actual))}, expected ${code(String(s.label.expected))}`]
      : []),
  ]);
  const rows = rowsOf(sets);
  return [
    heading,
    ...(sets.length > 0 ? [against] : []),
    ...(mismatches.length > 0 ? [mismatches.join("\n")] : []),
    ...(rows.length > 0 ? [comparisonTable(rows)] : []),
    ...diagnosticBlocks(validation.diagnostics),
    folded("Details", [
      weightTable(p),
      ...(rows.length > 0 ? [errorTable(rows)] : []),
      ...(validation.precisionSpread.length > 0 ? [spreadTable(p)] : []),
      ...(p.casts.length > 0 ? [castTable(p)] : []),
      ...(p.halfRange.length > 0 ? [halfRangeTable(p)] : []),
      measurements(p, report),
    ]),
  ];
}

function comparisonTable(rows: readonly Row[]): string {
  const shown = rows
    .slice(0, MAX_ROWS)
    .map(({ set, comparison: c }): readonly Cell[] => [
      c.passed ? "✅" : "❌",
      code(c.output),
      code(set),
      figure(c.error?.maxAbsolute ?? null),
      figure(c.tolerance?.atol ?? null),
      figure(c.error?.relative ?? null),
      cosineFigure(c.error?.cosine ?? null),
      c.argMax ? `${c.argMax.agreeing}/${c.argMax.rows}${c.argMax.ties > 0 ? ` (${c.argMax.ties} ties)` : ""}` : "–",
      escaped(c.failures.join("; ")),
    ]);
  const head = [
    "",
    "output",
    "input set",
    "max \\|Δ\\|",
    "atol",
    "max \\|Δ\\| / max \\|ref\\|",
    "cosine",
    "arg-max",
    "",
  ];
  const more = rows.length > MAX_ROWS ? `\n\n${rows.length - MAX_ROWS} more rows, none worse than these.` : "";
  return table(head, shown) + more;
}

function errorTable(rows: readonly Row[]): string {
  const shown = rows
    .slice(0, MAX_ROWS)
    .map(({ set, comparison: c }): readonly Cell[] => [
      code(c.output),
      code(set),
      tupleText(c.shape.actual),
      c.error ? tupleText(c.error.maxAbsoluteAt) : "–",
      figure(c.error?.rms ?? null),
      figure(c.error?.relativeRms ?? null),
      c.error?.psnr == null ? "–" : `${c.error.psnr.toFixed(1)} dB`,
      escaped(c.tolerance?.rule ?? "–"),
    ]);
  return table(["output", "input set", "shape", "max at", "RMS", "relative RMS", "PSNR", "atol from"], shown);
}

const weightTable = ({ weights }: PackageReport): string =>
  table(
    ["weights", "tensors", "size"],
    Object.entries(weights).map(([dtype, w]) => [dtype, String(w.tensors), byteFigure(w.bytes)]),
  );

const spreadTable = ({ validation }: PackageReport): string =>
  table(
    ["precision spread", "input set", "max \\|Δ\\|", "max \\|ref\\|"],
    validation.precisionSpread.map((s) => [code(s.output), code(s.set), figure(s.maxAbsolute), figure(s.maxReference)]),
  );

const castTable = ({ casts }: PackageReport): string =>
  table(
    ["cast weight", "values", "overflowed", "flushed to 0", "NaN", "infinite"],
    casts
      .slice(0, MAX_ROWS)
      .map((c) => [code(c.tensor), ...[c.elements, c.overflowed, c.flushed, c.nan, c.infinite].map(String)]),
  );

const halfRangeTable = ({ halfRange }: PackageReport): string =>
  table(
    ["near the end of half precision", "input set", "max \\|x\\|"],
    halfRange
      .slice(0, MAX_ROWS)
      .map((r) => [code(r.value), code(r.set), r.maxAbsolute === null ? "∞" : figure(r.maxAbsolute)]),
  );

function measurements(p: PackageReport, { measured }: Report): string {
  const run = measured.packages.find((m) => m.name === p.name);
  const { seed, sha256 } = p.validation.inputs;
  const inputs = `Inputs: ${seed === null ? "given" : `seed ${seed}`}, SHA-256 ${code(sha256)}.`;
  if (!run || run.runs === 0) return inputs;
  return `${inputs} ${run.runs} runs in ${run.seconds.toFixed(1)} s, peak memory ${byteFigure(run.peakMemory)}.`;
}

function diagnosticBlocks(diagnostics: readonly Diagnostic[]): string[] {
  if (diagnostics.length === 0) return [];
  const line = ({ severity, code: id, path, message, hint }: Diagnostic): string =>
    `- ${severity} ${code(id)}${path === undefined ? "" : ` ${code(path)}`}: ${escaped(message)}${hint === undefined ? "" : ` (${escaped(hint)})`}`;
  return [diagnostics.slice(0, MAX_ROWS).map(line).join("\n")];
}

function footer({ measured: { environment } }: Report, version: string): string {
  const { platform, arch, node, onnxruntime } = environment;
  const runtime = onnxruntime === null ? "" : `, ONNX Runtime ${onnxruntime}`;
  return `<sub>coreml-export ${version} on ${platform} ${arch}, Node ${node}${runtime}</sub>`;
}

const folded = (summary: string, blocks: readonly string[]): string =>
  `<details><summary>${summary}</summary>\n\n${blocks.join("\n\n")}\n\n</details>`;
