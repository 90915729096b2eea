import type { FunctionDifference, PackageDifference, WeightsDifference } from "./difference.ts";
import { count } from "./summary.ts";
import {
  featureText,
  fieldText,
  formText,
  groupedChanges,
  limited,
  shapeText,
  sizeColumns,
  sizeRows,
  weightCells,
  weightColumns,
} from "./wording.ts";

/** Lines of a list that are shown unless said otherwise. */
export const DEFAULT_LIMIT = 20;

/**
 * The difference as plain text: the verdict on the first line, then what it rests on. `+` stands only in `b`, `-` only
 * in `a`, `~` in both. Control characters of names are replaced.
 * @param limit how many lines of each list are shown
 */
export function differenceText(d: PackageDifference, limit = DEFAULT_LIMIT): string {
  const { properties, weights, functions } = d;
  const sections = [
    ...(d.verdict.status === "identical"
      ? []
      : functions.flatMap((f) => functionSections(f, functions.length > 1, limit))),
    section(
      "properties",
      cut(
        properties.map((p) => `~ ${fieldText(p)}`),
        limit,
      ),
    ),
    ...weightSections(weights, limit),
    d.verdict.status === "identical" ? [] : section("sizes", columns([sizeColumns, ...sizeRows(d)])),
  ];
  const sides = columns([
    ["a", d.a.path, d.a.target],
    ["b", d.b.path, d.b.target],
  ]);
  const lines = [d.verdict.summary, ...sides, ...sections.flatMap((s) => (s.length > 0 ? ["", ...s] : []))];
  return `${lines.map(printable).join("\n")}\n`;
}

const printable = (line: string): string => line.replace(/\p{Cc}/gu, "\ufffd");

const section = (title: string, lines: readonly string[]): readonly string[] =>
  lines.length > 0 ? [title, ...lines.map((l) => `  ${l}`)] : [];

function cut(lines: readonly string[], limit: number): readonly string[] {
  const { shown, more } = limited(lines, limit);
  return more ? [...shown, more] : shown;
}

const signs = { added: "+", removed: "-", changed: "~" } as const;

function functionSections(f: FunctionDifference, isOneOfMany: boolean, limit: number): readonly (readonly string[])[] {
  const { features, labels, operations: o } = f;
  const of = isOneOfMany || f.nameInB ? ` of ${f.name}${f.nameInB ? ` -> ${f.nameInB}` : ""}` : "";
  if (f.change === "added" || f.change === "removed") {
    const total = o.count.a + o.count.b;
    return [[`${signs[f.change]} function ${f.name}: ${total} operations`]];
  }
  const labelLines = labels
    ? [
        `~ labels: ${labels.count.a} -> ${labels.count.b}, ${labels.moved} at another index`,
        ...cut([...labels.removed.map((l) => `- label ${l}`), ...labels.added.map((l) => `+ label ${l}`)], limit),
      ]
    : [];
  const featureLines = features.map((x) => `${signs[x.change]} ${x.role} ${x.name}: ${featureText(x)}`);
  const nodes = [...o.removed.map((n) => `- ${n.text}`), ...o.added.map((n) => `+ ${n.text}`)];
  const changed = groupedChanges(o.changed).map((g) => `~ ${g.who} (${g.operations}): ${g.what}`);
  const renamed =
    o.renamed > 0 && nodes.length + changed.length > 0 ? [`${count(o.renamed, "operation")} under another name`] : [];
  return [
    section(`interface${of}`, [...cut(featureLines, limit), ...labelLines]),
    section(`operations${of}: ${o.count.a} -> ${o.count.b}`, [
      ...cut(
        columns(o.histogram.map((h) => [`${h.a < h.b ? "+" : "-"}${Math.abs(h.b - h.a)}`, h.op, `${h.a} -> ${h.b}`])),
        limit,
      ),
      ...cut(changed, limit),
      ...cut(nodes, limit),
      ...renamed,
    ]),
  ];
}

function weightSections(w: WeightsDifference, limit: number): readonly (readonly string[])[] {
  const { shown, more } = limited(w.changed, limit);
  const table = shown.length > 0 ? columns([weightColumns, ...shown.map(weightCells)]) : [];
  const lone = [
    ...w.removed.map((x) => `- ${x.name}: ${formText(x)} ${shapeText(x.shape)}`),
    ...w.added.map((x) => `+ ${x.name}: ${formText(x)} ${shapeText(x.shape)}`),
  ];
  const renamed = w.renamed.map((r) => `~ ${r.a} -> ${r.b}: the same bytes`);
  const lines = [...table, ...(more ? [more] : []), ...cut(lone, limit), ...cut(renamed, limit)];
  return [
    section(
      `weights: ${w.identical} identical, ${w.changed.length} changed, ${w.added.length} added, ${w.removed.length} removed, ${w.renamed.length} renamed`,
      lines,
    ),
  ];
}

/** Cells two spaces apart, each column as wide as its widest. */
function columns(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = rows.reduce<readonly number[]>(
    (most, row) => row.map((cell, i) => Math.max(most[i] ?? 0, cell.length)),
    [],
  );
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
