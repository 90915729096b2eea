import type { Diagnostic } from "../../diagnostics.ts";
import type { Interface } from "../../mil/interface.ts";
import { type Finish, type Plan, type TaskId, taskIds } from "../../plan.ts";
import type { KnownOutput } from "./outputs.ts";

/** What a plan in a package's metadata says that the package itself does not show. */
export interface StoredPlan {
  readonly modelType: string;
  readonly task: TaskId;
  readonly part: Plan["part"];
  /** Names of inputs by key. */
  readonly inputs: ReadonlyMap<string, string>;
  /** By name. */
  readonly outputs: ReadonlyMap<string, KnownOutput>;
}

/** A plan with a thousand labels has 30 kB. */
const MAX_PLAN = 16 << 20;
const parts: readonly string[] = ["model", "prefill", "decode"] satisfies readonly Plan["part"][];
const finishes: readonly string[] = ["none", "softmax", "sigmoid", "classifier"] satisfies readonly Finish[];

/**
 * Reads the plan that a package carries. It is a claim of whoever wrote the package: one that is malformed, or that does
 * not list exactly the inputs and outputs the package has, is not used, and a warning says why.
 */
export function storedPlan(
  text: string | undefined,
  described: Interface,
): { readonly plan?: StoredPlan; readonly diagnostics: readonly Diagnostic[] } {
  if (text === undefined) return { diagnostics: [] };
  const unusable = (why: string): { readonly diagnostics: readonly Diagnostic[] } => ({
    diagnostics: [
      {
        code: "adopt.plan",
        severity: "warning",
        path: "coreml-export.plan",
        message: `the plan in the metadata is not used: ${why}`,
      },
    ],
  });
  const json = text.length <= MAX_PLAN ? parsed(text) : undefined;
  if (!isRecord(json)) return unusable("it is no object");
  const { model, task, part, inputs, outputs, classifier } = json;
  const modelType = isRecord(model) ? model.modelType : undefined;
  if (typeof modelType !== "string") return unusable("it names no model type");
  const known = taskIds.find((id) => id === task);
  if (!known) return unusable(`its task is ${JSON.stringify(task)}`);
  if (typeof part !== "string" || !parts.includes(part)) return unusable(`its part is ${JSON.stringify(part)}`);
  const [ins, outs] = [features(inputs), features(outputs)];
  if (!ins || !outs) return unusable("its inputs or outputs are no list of keys and names");
  const label = isRecord(classifier) && typeof classifier.label === "string" ? [classifier.label] : [];
  const differences = [
    ...differing(
      "input",
      ins.map((f) => f.name),
      described.inputs.map((f) => f.name),
    ),
    ...differing(
      "output",
      [...outs.map((f) => f.name), ...label],
      described.outputs.map((f) => f.name),
    ),
  ];
  if (differences[0]) return unusable(differences[0]);
  if (!outs.every((o) => finishes.includes(String(o.finish)))) return unusable("an output has no known finish");
  return {
    plan: {
      modelType,
      task: known,
      part: part as Plan["part"],
      inputs: new Map(ins.map((f) => [f.key, f.name])),
      outputs: new Map(outs.map((o) => [o.name, { key: o.key, finish: o.finish as Finish }])),
    },
    diagnostics: [],
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

type PlannedName = Readonly<Record<string, unknown>> & { readonly key: string; readonly name: string };
const isNamed = (value: unknown): value is PlannedName =>
  isRecord(value) && typeof value.key === "string" && typeof value.name === "string";

/** Features with distinct names. */
function features(value: unknown): readonly PlannedName[] | undefined {
  if (!Array.isArray(value) || !value.every(isNamed)) return undefined;
  return new Set(value.map((f) => f.name)).size === value.length ? value : undefined;
}

const differing = (what: string, planned: readonly string[], found: readonly string[]): string[] => [
  ...planned.filter((name) => !found.includes(name)).map((name) => `the package has no ${what} '${name}'`),
  ...found.filter((name) => !planned.includes(name)).map((name) => `it does not know the ${what} '${name}'`),
];
