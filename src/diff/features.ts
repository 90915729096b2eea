import { numbersOf } from "../mil/constants.ts";
import type { Feature, Flexibility, Interface } from "../mil/interface.ts";
import { allNodes, type Func, Value } from "../mil/program.ts";
import type { FeatureDifference, LabelsDifference } from "./difference.ts";
import { changesOf } from "./properties.ts";

const NONE: Interface = { inputs: [], states: [], outputs: [] };

/** Features by role and name; an interface that is missing has none. */
export function compareFeatures(a: Interface = NONE, b: Interface = NONE): readonly FeatureDifference[] {
  return [
    ...compareRole("input", a.inputs, b.inputs),
    ...compareRole("state", a.states, b.states),
    ...compareRole("output", withRole(a), withRole(b)),
  ];
}

function compareRole(
  role: FeatureDifference["role"],
  a: readonly Feature[],
  b: readonly Feature[],
): readonly FeatureDifference[] {
  const [inA, inB] = [a, b].map((features) => new Map(features.map((f) => [f.name, fieldsOf(f)] as const)));
  const names = [...new Set([...(inA?.keys() ?? []), ...(inB?.keys() ?? [])])];
  return names.flatMap((name): readonly FeatureDifference[] => {
    const [before, after] = [inA?.get(name), inB?.get(name)];
    const fields = changesOf(before ?? new Map(), after ?? new Map());
    const change = !before ? "added" : !after ? "removed" : "changed";
    return fields.length > 0 ? [{ role, name, change, fields }] : [];
  });
}

/** A classifier's outputs, told which of them is its label and which its probabilities. */
function withRole({ outputs, classifier }: Interface): readonly Feature[] {
  const told = (f: Feature): Feature & { readonly predicted?: string } => {
    if (f.name === classifier?.label) return { ...f, predicted: "label" };
    return f.name === classifier?.probabilities ? { ...f, predicted: "probabilities" } : f;
  };
  return outputs.map(told);
}

function fieldsOf(f: Feature & { readonly predicted?: string }): ReadonlyMap<string, string> {
  const fields = new Map<string, string>(Object.entries(typeFieldsOf(f)));
  if (f.predicted) fields.set("classifier's", f.predicted);
  if (f.description) fields.set("description", f.description);
  return fields;
}

function typeFieldsOf(f: Feature): Readonly<Record<string, string>> {
  const { kind } = f;
  switch (kind) {
    case "tensor":
      return {
        kind,
        dtype: f.dtype,
        shape: f.shape ? listText(f.shape) : "known when it runs",
        flexibility: flexibilityText(f.flexibility),
        optional: f.optional ? "yes" : "no",
        ...(f.optional?.value === undefined ? {} : { default: String(f.optional.value) }),
      };
    case "image":
      return {
        kind,
        "colour space": f.colorSpace,
        "height x width": `${f.height} x ${f.width}`,
        flexibility: flexibilityText(f.flexibility),
        optional: f.optional ? "yes" : "no",
      };
    case "state":
      return { kind, dtype: f.dtype, shape: listText(f.shape) };
    case "label":
      return { kind, type: f.type };
    case "probabilities":
      return { kind, keys: f.key };
  }
}

const listText = (shape: readonly number[]): string => `[${shape.join(", ")}]`;

function flexibilityText(f: Flexibility): string {
  switch (f.kind) {
    case "fixed":
      return "fixed";
    case "range":
      return `[${f.ranges.map(([min, max]) => (min === max ? min : `${min}..${max === Number.POSITIVE_INFINITY ? "" : max}`)).join(", ")}]`;
    case "enumerated":
      return f.shapes.map(listText).join(" or ");
  }
}

/** The labels of two classifiers; null when they are the same, or neither is one. */
export function compareLabels(a: Func | undefined, b: Func | undefined): LabelsDifference | null {
  const [inA, inB] = [labelsOf(a), labelsOf(b)];
  const [indexA, indexB] = [new Map(inA.map((l, i) => [l, i])), new Map(inB.map((l, i) => [l, i]))];
  const added = inB.filter((l) => !indexA.has(l));
  const removed = inA.filter((l) => !indexB.has(l));
  const moved = inA.filter((l, i) => indexB.has(l) && indexB.get(l) !== i).length;
  if (added.length + removed.length + moved === 0 && inA.length === inB.length) return null;
  return { count: { a: inA.length, b: inB.length }, added, removed, moved };
}

function labelsOf(func: Func | undefined): readonly string[] {
  const classifier = func && [...allNodes(func.body)].find((n) => n.op === "classify");
  const classes = classifier?.inputs.get("classes");
  if (!(classes instanceof Value)) return [];
  return classes.constant?.kind === "strings" ? classes.constant.values : (numbersOf(classes) ?? []).map(String);
}
