import type { Build } from "../architectures/architecture.ts";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { Model } from "../coreml/package.ts";
import { fail } from "../diagnostics.ts";
import { addDims, type Dim, length } from "../mil/dim.ts";
import { highest } from "../mil/opset.ts";
import { Graph, type Tensor } from "../mil/tensor.ts";
import { tensorType } from "../mil/types.ts";
import type { KeyValue } from "../nn/attention.ts";
import { Weights } from "../nn/weights.ts";
import type { Plan, PlannedDim, PlannedImage, PlannedInput } from "../plan.ts";
import { labelsOf } from "../planning/labels.ts";
import type { Planned } from "../planning/make-plan.ts";
import { finish } from "../tasks/finish.ts";
import { tasks } from "../tasks/index.ts";
import { tensorOf } from "../tensor/memory.ts";
import { interfaceOf } from "./interface.ts";
import { metadataOf } from "./metadata.ts";

/**
 * The model of one plan as a float32 graph: trunk, head, and what the task makes of the raw outputs. No weight is read.
 * @throws ConversionError `weight.*` listing every tensor that is missing, mis-shaped or left over
 */
export function buildGraph(plan: Plan, planned: Planned, checkpoint: Checkpoint): Model {
  const { architecture, config } = planned;
  const graph = new Graph(plan.target);
  const lengths = new Map(Object.entries(plan.lengths).map(([name, l]) => [name, length(name, l.min, l.max)]));
  const inputs = new Map(plan.inputs.map((i) => [i.key, declare(graph, i, lengths)]));
  const root = Weights.over(checkpoint.tensors, architecture.naming);
  const present: KeyValue[] = [];
  const past = pastOf(inputs);
  const build: Build<never> = {
    graph,
    config: config as never,
    root,
    base: root.base(architecture.naming.base),
    inputs: Object.fromEntries([...inputs].map(([key, t]) => [key, perChoice(t, plan)])),
    ...imageOf(plan, inputs),
    ...(past ? { past } : {}),
    pastLength: past ? lengthOf(["P"], lengths) : 0,
    ...(plan.part === "model" ? {} : { present: (layer: KeyValue) => present.push(layer) }),
    labels: labelsOf(checkpoint.config).length,
  };
  const head =
    architecture.heads[plan.task] ??
    fail("unsupported", "task.unsupported", `${architecture.modelType} has no ${plan.task} head`);
  const raw = head(build);
  root.account(architecture.naming.ignore ?? []);
  const task = tasks[plan.task];
  const caches = Object.fromEntries(
    present.flatMap(({ key, value }, i) => [
      [`present_key_values_${i}_key`, key] as const,
      [`present_key_values_${i}_value`, value] as const,
    ]),
  );
  const func = graph.finish("main", finish(graph, plan, { ...(task.adapt?.(raw, plan) ?? raw), ...caches }));
  return {
    target: highest(plan.target, "iOS15"),
    program: { functions: new Map([["main", func]]) },
    interfaces: new Map([["main", interfaceOf(plan, func)]]),
    defaultFunction: "main",
    multifunction: false,
    metadata: metadataOf(plan),
  };
}

function lengthOf(d: PlannedDim, lengths: ReadonlyMap<string, Dim>): Dim {
  if (typeof d === "number") return d;
  return d.map((part): Dim => lengths.get(part) ?? Number(part)).reduce(addDims, 0);
}

function declare(graph: Graph, input: PlannedInput, lengths: ReadonlyMap<string, Dim>): Tensor {
  if (input.kind === "tensor")
    return graph.input(
      input.name,
      tensorType(
        input.dtype,
        input.shape.map((d) => lengthOf(d, lengths)),
      ),
    );
  return graph.input(input.name, tensorType("fp32", [1, input.scale.length, input.height, input.width]));
}

/** A model that scores choices sees them as a batch: [1, C, S] -> [C, S]. */
function perChoice(t: Tensor, plan: Plan): Tensor {
  return plan.choices !== undefined && t.dims.length === 3 ? t.reshape({ shape: t.dims.slice(1) }) : t;
}

/** Pixels as the model wants them. Stays in float32: 255 times a small scale loses digits in half precision. */
function imageOf(plan: Plan, inputs: ReadonlyMap<string, Tensor>): { readonly image?: Tensor } {
  const described = plan.inputs.find((i): i is PlannedImage => i.kind === "image");
  const pixels = described && inputs.get(described.key);
  if (!described || !pixels) return {};
  const { graph } = pixels;
  const perChannel = (values: readonly number[], name: string): Tensor | number => {
    const [first = 0] = values;
    if (values.every((v) => v === first)) return first;
    return graph.weight(tensorOf("fp32", [1, values.length, 1, 1], values, `${described.name}_${name}`));
  };
  const [scale, bias] = [perChannel(described.scale, "scale"), perChannel(described.bias, "bias")];
  return {
    image: graph.inFloat32(() =>
      graph.scoped(described.name, () => {
        const scaled = scale === 1 ? pixels : pixels.mul(scale);
        return bias === 0 ? scaled : scaled.add(bias);
      }),
    ),
  };
}

function pastOf(inputs: ReadonlyMap<string, Tensor>): readonly KeyValue[] | undefined {
  const layers: KeyValue[] = [];
  for (let i = 0; ; i++) {
    const [key, value] = [inputs.get(`past_key_values_${i}_key`), inputs.get(`past_key_values_${i}_value`)];
    if (!key || !value) break;
    layers.push({ key, value });
  }
  return layers.length > 0 ? layers : undefined;
}
