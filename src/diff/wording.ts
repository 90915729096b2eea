import { byteFigure, cosineFigure, figure } from "../report/figures.ts";
import type {
  FeatureDifference,
  FieldChange,
  OperationChange,
  PackageDifference,
  WeightDifference,
  WeightForm,
} from "./difference.ts";
import { groupBy } from "./group-by.ts";
import { plainName } from "./pair-weights.ts";
import { count } from "./summary.ts";

/** Longer values (a plan, a description) are cut for people; JSON has them whole. */
const MAX_VALUE = 120;

const shortened = (text: string): string => (text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE)}...` : text);

/** `fp32`, `fp16 by lut_to_dense, 4.01 bits`. */
export function formText({ dtype, decodedBy, bitsPerElement }: WeightForm): string {
  if (decodedBy.length === 0) return dtype;
  const decoders = decodedBy.map((op) => op.replace(/^constexpr_/, "")).join(", ");
  return `${dtype} by ${decoders}, ${figure(bitsPerElement)} bits`;
}

export const shapeText = (shape: readonly number[]): string => `[${shape.join(", ")}]`;

/** `shape [1, 128] -> [1, 64]`, `default none -> 1`. */
export const fieldText = ({ field, a, b }: FieldChange): string =>
  `${field} ${shortened(a ?? "none")} -> ${shortened(b ?? "none")}`;

/** What is told of a feature: of a new or lost one, what it is; of another, what changed about it. */
export const featureText = ({ change, fields }: FeatureDifference): string =>
  fields
    .map((f) =>
      change === "changed" ? fieldText(f) : `${f.field} ${shortened((change === "added" ? f.b : f.a) ?? "")}`,
    )
    .join("; ");

export interface ChangeGroup {
  /** The operation's name, or how many there are. */
  readonly who: string;
  readonly operations: string;
  readonly what: string;
}

/** Operations that changed alike are told together, the largest group first. */
export function groupedChanges(changes: readonly OperationChange[]): readonly ChangeGroup[] {
  const groups = [...groupBy(changes, ({ fields }) => fields.map(fieldText).join("; "))];
  return groups
    .sort(([, x], [, y]) => y.length - x.length)
    .map(([what, alike]) => {
      const [first] = alike as [OperationChange];
      const who = alike.length === 1 ? first.name : count(alike.length, "operation");
      const tally = [...groupBy(alike, (c) => c.op)].map(([op, { length }]) => (length === 1 ? op : `${length} ${op}`));
      return { who, operations: tally.join(", "), what };
    });
}

/** The columns of a table of changed weights. */
export const weightColumns = ["weight", "a", "b", "max |b - a|", "relative", "cosine", "differing", ""];

/** One row of that table; `relative` is the root mean square of the difference over that of `a`. */
export function weightCells({ a, b, change, values }: WeightDifference): readonly string[] {
  const name = plainName(a.name) === plainName(b.name) ? a.name : `${a.name} -> ${b.name}`;
  const sameShape = String(a.shape) === String(b.shape);
  const forms = [a, b].map((w) => (sameShape ? formText(w) : `${formText(w)} ${shapeText(w.shape)}`));
  const error = values?.error;
  const differing = values ? `${values.differing} of ${values.elements}` : "-";
  const notes = [
    ...(change === "form" ? ["same values"] : change === "shape" ? ["another shape"] : []),
    ...unusual(values),
  ];
  return [
    name,
    ...forms,
    error ? figure(error.maxAbsolute) : "-",
    error?.relativeRms == null ? "-" : figure(error.relativeRms),
    error ? cosineFigure(error.cosine) : "-",
    differing,
    notes.join(", "),
  ];
}

function unusual(values: WeightDifference["values"]): readonly string[] {
  if (!values) return [];
  const { nan, infinite } = values;
  return [
    ...(nan.a + nan.b > 0 ? [`NaN ${nan.a} -> ${nan.b}`] : []),
    ...(infinite.a + infinite.b > 0 ? [`infinite ${infinite.a} -> ${infinite.b}`] : []),
  ];
}

/** The columns of a table of sizes: each file, then all of them. */
export const sizeColumns = ["file", "a", "of all", "b", "of all", "b / a"];

export function sizeRows({ files, a, b }: PackageDifference): readonly (readonly string[])[] {
  const share = (part: number | null, whole: number): string => (part === null ? "-" : percent(part / whole));
  const size = (bytes: number | null): string => (bytes === null ? "-" : byteFigure(bytes));
  const ratio = (x: number | null, y: number | null): string => (x && y !== null ? percent(y / x) : "-");
  const rows = files.map((f) => [
    f.path,
    size(f.a),
    share(f.a, a.bytes),
    size(f.b),
    share(f.b, b.bytes),
    ratio(f.a, f.b),
  ]);
  return [...rows, ["all", size(a.bytes), "", size(b.bytes), "", ratio(a.bytes, b.bytes)]];
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** As many items as are shown, and what says how many are not. */
export function limited<T>(
  items: readonly T[],
  limit: number,
): { readonly shown: readonly T[]; readonly more: string | undefined } {
  const rest = items.length - limit;
  return { shown: items.slice(0, limit), more: rest > 0 ? `and ${rest} more` : undefined };
}
