import { type Diagnostic, fail } from "../../diagnostics.ts";
import type { Dim } from "../../mil/dim.ts";
import type { Feature, Interface, TensorFeature } from "../../mil/interface.ts";
import { argumentValues, type Func, type Node, type Value } from "../../mil/program.ts";
import type { Finish, Plan, PlannedOutput } from "../../plan.ts";
import { distinct } from "../../tasks/classifier.ts";
import { featureList } from "./inputs.ts";
import { isKey, isOutputName, promiseOf } from "./names.ts";

/** Shapes of the model's raw outputs by key. */
export type OutputShapes = ReadonlyMap<string, readonly Dim[]>;

/** Outputs of a package that stand for outputs of the model. */
export interface AdoptedOutputs {
  readonly outputs: readonly PlannedOutput[];
  readonly classifier?: Plan["classifier"];
  readonly labels?: readonly string[];
  /** Outputs of the package that the model does not give. */
  readonly notCompared: readonly string[];
  readonly diagnostics: readonly Diagnostic[];
}

export interface KnownOutput {
  readonly key: string;
  readonly finish: Finish;
}

/**
 * Finds which output of the package is which output of the model: by its name, else by shape where that leaves one
 * possibility; and what was done to it, from what its name promises, else from the graph.
 * @param plan the task's own: keys, the finish each has by contract, and labels
 * @param known by name, where a plan of the package says it
 * @throws ConversionError `adopt.output` when no output stands for one of the model
 */
export function adoptOutputs(
  described: Interface,
  func: Func,
  plan: Pick<Plan, "outputs" | "labels">,
  shapes: OutputShapes,
  known: ReadonlyMap<string, KnownOutput> = new Map(),
): AdoptedOutputs {
  const diagnostics: Diagnostic[] = [];
  const note = (path: string, message: string): void => {
    diagnostics.push({ code: "adopt.output", severity: "note", path, message });
  };
  const values = new Map(func.body.outputs.map((v) => [v.name, v]));
  const tensors = described.outputs.filter((f): f is TensorFeature => f.kind === "tensor");
  const keys = matched(tensors, values, shapes, known, note);
  const outputs: PlannedOutput[] = [];
  const { classifier } = described;
  const isClassifier = classifier !== undefined && plan.outputs.some((o) => o.key === "logits");
  for (const feature of described.outputs) {
    if (isClassifier && feature.name === classifier.probabilities)
      outputs.push({ key: "logits", name: feature.name, finish: "classifier" });
    const key = feature.kind === "tensor" ? keys.get(feature) : undefined;
    const planned = plan.outputs.find((o) => o.key === key);
    if (!planned) continue;
    const stated = known.get(feature.name)?.finish;
    const finish = stated ?? finishOf(feature.name, planned, func, values.get(feature.name), note);
    outputs.push({ key: planned.key, name: feature.name, finish });
  }
  if (outputs.length === 0) {
    fail("validation", "adopt.output", "no output of the package stands for one of the model", {
      hint: `the package gives ${featureList(described.outputs)}; the model ${shapesText(shapes)}; --feature names another task`,
    });
  }
  for (const { key } of plan.outputs) {
    if (!outputs.some((o) => o.key === key)) note(key, "is an output of the model that the package does not give");
  }
  const compared = new Set([...outputs.map((o) => o.name), ...(isClassifier ? [classifier.label] : [])]);
  const notCompared = described.outputs.map((f) => f.name).filter((name) => !compared.has(name));
  return {
    outputs,
    ...(isClassifier
      ? { classifier, labels: labelsOf(described.outputs, classifier.label, plan.labels ?? [], note) }
      : {}),
    notCompared,
    diagnostics,
  };
}

type Note = (path: string, message: string) => void;

/** Which key each tensor stands for. */
function matched(
  features: readonly TensorFeature[],
  values: ReadonlyMap<string, Value>,
  shapes: OutputShapes,
  known: ReadonlyMap<string, KnownOutput>,
  note: Note,
): ReadonlyMap<TensorFeature, string> {
  const found = new Map<TensorFeature, string>();
  const fits = (f: TensorFeature, key: string): boolean => compatible(values.get(f.name), shapes.get(key));
  for (const f of features) {
    const stated = known.get(f.name)?.key;
    const exact = [...shapes.keys()].find((key) => key === stated || isKey(f.name, key));
    const similar = [...shapes.keys()].filter((key) => isOutputName(f.name, key) && fits(f, key));
    const key = exact ?? (similar.length === 1 ? similar[0] : undefined);
    if (key !== undefined) found.set(f, key);
  }
  const taken = new Set(found.values());
  const open = [...shapes.keys()].filter((key) => !taken.has(key));
  const left = features.filter((f) => !found.has(f));
  for (const key of open) {
    const alike = open.filter((k) => String(shapeText(shapes.get(k))) === String(shapeText(shapes.get(key))));
    const candidates = left.filter((f) => fits(f, key));
    // As many as there are: the tracer keeps the order in which Transformers returns them.
    const feature = candidates.length === alike.length ? candidates[alike.indexOf(key)] : undefined;
    if (!feature) continue;
    found.set(feature, key);
    note(feature.name, `is taken for ${key}: no other has the shape [${shapeText(shapes.get(key))}]`);
  }
  return found;
}

/** Whether two shapes can be the same: sizes that vary may be any. */
function compatible(value: Value | undefined, shape: readonly Dim[] | undefined): boolean {
  if (!shape || value?.type.kind !== "tensor") return false;
  const own = value.type.shape;
  return (
    own.length === shape.length &&
    own.every((d, i) => typeof d !== "number" || typeof shape[i] !== "number" || d === shape[i])
  );
}

const shapeText = (shape: readonly Dim[] | undefined): string =>
  (shape ?? []).map((d) => (typeof d === "number" ? d : d.text)).join(", ");
const shapesText = (shapes: OutputShapes): string =>
  [...shapes].map(([key, shape]) => `${key} [${shapeText(shape)}]`).join(", ");

/** What was done to the raw output: what its name promises, else what the graph does. */
function finishOf(name: string, planned: PlannedOutput, func: Func, value: Value | undefined, note: Note): Finish {
  const isScore = planned.finish !== "none" || planned.key === "logits";
  if (!isScore) return "none";
  const inGraph = value ? lastActivation(func, value) : "none";
  const promised = promisedFinish(name, planned);
  if (promised === undefined) {
    note(name, `holds ${finishText(inGraph)}: so the graph ends, its name says nothing`);
    return inGraph;
  }
  const agrees = promised === inGraph || (promised !== "softmax" && promised !== "sigmoid" && promised !== "none");
  note(
    name,
    agrees
      ? `holds ${finishText(promised)}, by its name and by the graph`
      : `holds ${finishText(promised)} by its name, ${finishText(inGraph)} by the graph: it is taken at its name`,
  );
  return promised;
}

function promisedFinish(name: string, { name: usualName, finish }: PlannedOutput): Finish | undefined {
  if (isKey(name, usualName) && finish !== "classifier") return finish;
  const promise = promiseOf(name);
  if (promise === undefined) return undefined;
  return promise === "raw" ? "none" : finish === "sigmoid" ? "sigmoid" : "softmax";
}

const finishText = (finish: Finish): string => (finish === "none" ? "raw values" : `what a ${finish} gives`);

/** Operations that hand values on as they are. */
const passing: ReadonlySet<string> = new Set([
  "cast",
  "identity",
  "reshape",
  "squeeze",
  "expand_dims",
  "transpose",
  "split",
]);

/** The softmax or sigmoid whose result an output is. */
function lastActivation({ body }: Func, output: Value): "softmax" | "sigmoid" | "none" {
  const makers = new Map(body.nodes.flatMap((n) => n.outputs.map((v): [Value, Node] => [v, n])));
  for (let node = makers.get(output); node; ) {
    if (node.op === "softmax" || node.op === "sigmoid") return node.op;
    if (!passing.has(node.op)) return "none";
    const [input] = argumentValues(node.inputs.get("x") ?? []);
    node = input && makers.get(input);
  }
  return "none";
}

/** A classifier's labels: the model's, or their numbers where the package has no names. */
function labelsOf(
  outputs: readonly Feature[],
  label: string,
  labels: readonly string[],
  note: Note,
): readonly string[] {
  const feature = outputs.find((f) => f.name === label);
  if (feature?.kind !== "label" || feature.type === "string") return distinct(labels);
  note(label, "is a number: labels are compared by their place");
  return labels.map((_, i) => String(i));
}
