import { figure } from "../report/figures.ts";
import type { DifferenceVerdict, FileDifference, PackageDifference } from "./difference.ts";

/** Its identifiers are random, and say nothing about the model. */
const MANIFEST = "Manifest.json";

type Found = Pick<PackageDifference, "functions" | "properties" | "weights" | "files">;

/** The verdict, and a line for people: `same interface, same operations, 3 of 200 weights differ`. */
export function verdictOf(found: Found): DifferenceVerdict {
  if (found.files.every((f) => f.identical || f.path === MANIFEST))
    return { status: "identical", summary: "identical" };
  const parts = [interfaceText(found), operationsText(found), weightsText(found), propertiesText(found)];
  if (parts.every((p) => p === undefined || p.startsWith("same ")) && extraFiles(found.files).length === 0) {
    return { status: "equal", summary: `equal: the bytes differ, ${namesText(found)}` };
  }
  const extra = extraFiles(found.files);
  const others =
    extra.length > 0 ? `${count(extra.length, "other file")} ${extra.length === 1 ? "differs" : "differ"}` : undefined;
  return { status: "different", summary: [...parts, others].filter((p) => p !== undefined).join(", ") };
}

/** Names inside a program reach nobody who calls it. */
function namesText({ functions, weights }: Found): string {
  const operations = functions.reduce((sum, f) => sum + f.operations.renamed, 0);
  if (operations + weights.renamed.length === 0) return "what they say does not";
  return `only names do (${count(operations, "operation")}, ${count(weights.renamed.length, "weight")})`;
}

function interfaceText({ functions }: Found): string {
  const lone = functions.filter((f) => f.change === "added" || f.change === "removed").length;
  const features = functions.reduce((sum, f) => sum + f.features.length + (f.labels ? 1 : 0), 0);
  if (lone > 0) return `${count(lone, "function")} added or removed`;
  return features > 0 ? `interface differs (${count(features, "difference")})` : "same interface";
}

function operationsText({ functions }: Found): string {
  const differing = functions.reduce(
    (sum, { operations: o }) => sum + o.added.length + o.removed.length + o.changed.length,
    0,
  );
  return differing > 0
    ? `${count(differing, "operation")} ${differing === 1 ? "differs" : "differ"}`
    : "same operations";
}

function weightsText({ weights: w }: Found): string {
  const total = w.identical + w.renamed.length + w.changed.length + w.added.length + w.removed.length;
  const differing = w.changed.length + w.added.length + w.removed.length;
  const stored = w.changed.filter((c) => c.change === "form").length;
  if (differing === 0) return w.renamed.length > 0 ? `same weights (${w.renamed.length} renamed)` : "same weights";
  const verb = differing === 1 ? "differs" : "differ";
  const form = stored > 0 ? ` (${stored} in form only)` : "";
  const renamed = w.renamed.length > 0 ? `, ${w.renamed.length} renamed` : "";
  const worst = w.changed.reduce((most, c) => Math.max(most, c.values?.error?.relativeRms ?? 0), 0);
  const error = worst > 0 ? `, relative error up to ${figure(worst)}` : "";
  return `${differing} of ${count(total, "weight")} ${verb}${form}${error}${renamed}`;
}

function propertiesText({ properties }: Found): string | undefined {
  if (properties.length === 0) return undefined;
  const target = properties.find((p) => p.field === "target");
  const others = properties.length - (target ? 1 : 0);
  return [...(target ? ["target differs"] : []), ...(others > 0 ? ["metadata differs"] : [])].join(", ");
}

/** Files beside manifest, specification and weights. */
const extraFiles = (files: readonly FileDifference[]): readonly FileDifference[] =>
  files.filter((f) => !f.identical && f.path !== MANIFEST && !/\.mlmodel$|(^|\/)weights\/weight\.bin$/.test(f.path));

/** `1 weight`, `3 weights`. */
export const count = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? "" : "s"}`;
