import { fail } from "../diagnostics.ts";
import { Value } from "../mil/program.ts";
import type { Graph, Tensor } from "../mil/tensor.ts";
import type { Plan } from "../plan.ts";

/**
 * The outputs of the contract from raw ones: softmax, sigmoid, or a classifier's label and dictionary, which come first.
 * @throws ConversionError `output.missing` when the head gave no output of a planned key
 */
export function finish(graph: Graph, plan: Plan, raw: Readonly<Record<string, Tensor>>): ReadonlyMap<string, Tensor> {
  const [first, rest] = [new Map<string, Tensor>(), new Map<string, Tensor>()];
  for (const { key, name, finish: how } of plan.outputs) {
    const value =
      raw[key] ??
      fail("internal", "output.missing", `the head gives no output '${key}'`, {
        hint: `it gives ${Object.keys(raw).join(", ")}`,
      });
    switch (how) {
      case "none":
        rest.set(name, value);
        break;
      case "softmax":
        rest.set(
          name,
          graph.scoped(name, () => value.softmax({ axis: -1 })),
        );
        break;
      case "sigmoid":
        rest.set(
          name,
          graph.scoped(name, () => value.sigmoid()),
        );
        break;
      case "classifier": {
        const { label = "classLabel", probabilities = name } = plan.classifier ?? {};
        const scores = graph.scoped(name, () => value.softmax({ axis: -1 }));
        const [predicted, dictionary] = scores.classify({ classes: labelList(plan.labels ?? []) });
        if (predicted && dictionary) first.set(label, predicted).set(probabilities, dictionary);
      }
    }
  }
  return new Map([...first, ...rest]);
}

/** Labels as the list Core ML wants in place. */
const labelList = (labels: readonly string[]): Value =>
  new Value(
    "classes",
    { kind: "list", element: { kind: "tensor", dtype: "string", shape: [] }, length: labels.length },
    { constant: { kind: "strings", values: labels }, literal: true },
  );
