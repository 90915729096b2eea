import { verdictText } from "../validate/verdict.ts";
import { byteFigure, cosineFigure, figure, rowsOf, tupleText } from "./figures.ts";
import { markupText } from "./markup.ts";
import type { PackageReport, Report } from "./report.ts";

/** The report as one HTML file that needs nothing else: no script, no font, no request. */
export function htmlReport(report: Report): string {
  const title = `${report.model.name}: ${verdictText(report.verdict)}`;
  const { platform, arch, node } = report.measured.environment;
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${markupText(title)}</title>
<style>${style}</style>
<h1 class="${report.verdict.status}">${markupText(title)}</h1>
${report.packages.map(section).join("\n")}
<footer>coreml-export ${markupText(report.tool.version)} on ${markupText(`${platform} ${arch}, Node ${node}`)}</footer>
</html>
`;
}

const style = `body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color-scheme:light dark}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}th,td{padding:.25rem .75rem;text-align:left;border-bottom:1px solid #8884}
.passed{color:#1a7f37}.failed{color:#cf222e}.not-run{color:#9a6700}footer{margin-top:2rem;opacity:.7}`;

function section(p: PackageReport): string {
  const { plan, validation } = p;
  const facts = [plan.task, plan.part, plan.precision, plan.target, byteFigure(p.bytes)].join(" · ");
  const rows = rowsOf(validation.sets).map(({ set, comparison: c }) =>
    row("td", c.passed ? "passed" : "failed", [
      c.output,
      set,
      tupleText(c.shape.actual),
      figure(c.error?.maxAbsolute ?? null),
      figure(c.tolerance?.atol ?? null),
      figure(c.error?.relative ?? null),
      cosineFigure(c.error?.cosine ?? null),
      c.passed ? "passed" : c.failures.join("; "),
    ]),
  );
  const head = row("th", "", ["output", "input set", "shape", "max |Δ|", "atol", "max |Δ| / max |ref|", "cosine", ""]);
  const notes = validation.diagnostics.map((d) => `<li>${markupText(`${d.severity} ${d.code}: ${d.message}`)}</li>`);
  return [
    `<h2>${markupText(p.name)}</h2>`,
    `<p class="${validation.verdict.status}">${markupText(verdictText(validation.verdict))}</p>`,
    `<p>${markupText(facts)}</p>`,
    ...(notes.length > 0 ? [`<ul>${notes.join("")}</ul>`] : []),
    ...(rows.length > 0 ? [`<table>${head}${rows.join("\n")}</table>`] : []),
  ].join("\n");
}

const row = (tag: "td" | "th", className: string, cells: readonly string[]): string =>
  `<tr class="${className}">${cells.map((c) => `<${tag}>${markupText(c)}</${tag}>`).join("")}</tr>`;
