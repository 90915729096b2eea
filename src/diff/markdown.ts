import { type Cell, code, escaped, table } from "../report/markdown-cells.ts";
import { fitted, MAX_COMMENT } from "../report/markdown-fit.ts";
import type { FunctionDifference, PackageDifference, WeightsDifference } from "./difference.ts";
import {
  featureText,
  formText,
  groupedChanges,
  limited,
  shapeText,
  sizeColumns,
  sizeRows,
  weightCells,
  weightColumns,
} from "./wording.ts";

/** Rows of a table that are shown unless said otherwise. */
export const DEFAULT_ROWS = 30;

/**
 * The difference as GitHub-flavoured Markdown: the verdict and the weights in sight, everything else folded. Names and
 * texts of the packages are escaped.
 * @param rows how many rows of each table are shown
 * @param limit the most characters; whole blocks that do not fit are left out, and a note says so
 */
export function differenceMarkdown(d: PackageDifference, rows = DEFAULT_ROWS, limit = MAX_COMMENT): string {
  const title = `## ${marks[d.verdict.status]} ${escaped(d.verdict.summary)}`;
  const sides = (["a", "b"] as const).map((s) => `${s}: ${code(d[s].path)} (${d[s].target})`);
  const blocks = [
    title,
    sides.join(" · "),
    ...weightBlocks(d.weights, rows),
    ...d.functions.flatMap((f) => functionBlocks(f, rows)),
    ...listBlock(
      "Properties",
      d.properties.map((p) => `- ${code(p.field)}: ${code(p.a ?? "none")} → ${code(p.b ?? "none")}`),
      rows,
    ),
    d.verdict.status === "identical"
      ? ""
      : folded(
          "Sizes",
          table(
            sizeColumns.map(escaped),
            sizeRows(d).map(([file = "", ...cells]) => [code(file), ...cells]),
          ),
        ),
    `<sub>${d.tool.name} ${d.tool.version}</sub>`,
  ];
  return `${fitted(
    blocks.filter((b) => b !== ""),
    limit,
  )}\n`;
}

const marks = { identical: "✅", equal: "✅", different: "🔶" } as const;
const signs = { added: "added", removed: "removed", changed: "changed" } as const;

const folded = (summary: string, block: string): string =>
  `<details><summary>${summary}</summary>\n\n${block}\n\n</details>`;

function listBlock(title: string, lines: readonly string[], limit: number): readonly string[] {
  if (lines.length === 0) return [];
  const { shown, more } = limited(lines, limit);
  return [folded(`${title} (${lines.length})`, [...shown, ...(more ? [`- ${more}`] : [])].join("\n"))];
}

function weightBlocks(w: WeightsDifference, limit: number): readonly string[] {
  const { shown, more } = limited(w.changed, limit);
  const rows = shown
    .map(weightCells)
    .map(([name = "", a = "", b = "", ...cells]): readonly Cell[] => [
      code(name),
      escaped(a),
      escaped(b),
      ...cells.map(escaped),
    ]);
  const lone = (kind: "added" | "removed"): readonly string[] =>
    w[kind].map((x) => `- ${signs[kind]} ${code(x.name)}: ${escaped(`${formText(x)} ${shapeText(x.shape)}`)}`);
  const renamed = w.renamed.map((r) => `- ${code(r.a)} → ${code(r.b)}`);
  return [
    ...(rows.length > 0 ? [`${table(weightColumns.map(escaped), rows)}${more ? `\n\n${more}` : ""}`] : []),
    ...listBlock("Weights added or removed", [...lone("removed"), ...lone("added")], limit),
    ...listBlock("Weights renamed, the same bytes", renamed, limit),
  ];
}

function functionBlocks(f: FunctionDifference, limit: number): readonly string[] {
  const { features, labels, operations: o, change } = f;
  if (change === "added" || change === "removed") return [`Function ${code(f.name)} ${change}.`];
  const of = ` of ${code(f.nameInB ? `${f.name} -> ${f.nameInB}` : f.name)}`;
  const interfaceLines = features.map(
    (x) => `- ${signs[x.change]} ${x.role} ${code(x.name)}: ${escaped(featureText(x))}`,
  );
  const labelLines = labels
    ? [
        `- labels: ${labels.count.a} → ${labels.count.b}, ${labels.moved} at another index`,
        ...labels.removed.map((l) => `- removed label ${code(l)}`),
        ...labels.added.map((l) => `- added label ${code(l)}`),
      ]
    : [];
  const changed = groupedChanges(o.changed).map(
    (g) => `- ${code(g.who)} (${escaped(g.operations)}): ${escaped(g.what)}`,
  );
  const nodes = [
    ...o.removed.map((n) => `- removed ${code(n.text)}`),
    ...o.added.map((n) => `- added ${code(n.text)}`),
  ];
  const histogram = o.histogram.map((h) => `- ${code(h.op)}: ${h.a} → ${h.b}`);
  return [
    ...listBlock(`Interface${of}`, [...interfaceLines, ...labelLines], limit),
    ...listBlock(`Number of operations${of}: ${o.count.a} → ${o.count.b}`, histogram, limit),
    ...listBlock(`Operations changed${of}`, changed, limit),
    ...listBlock(`Operations added or removed${of}`, nodes, limit),
  ];
}
