import { fail } from "../diagnostics.ts";
import {
  type CheckpointInspection,
  inspect,
  type PackageInspection,
  programText,
  type TensorTotals,
} from "../inspect.ts";
import type { Feature, Flexibility, StateFeature } from "../mil/interface.ts";
import type { OptionsOf, ValuesOf } from "../options.ts";
import { byteFigure } from "../report/figures.ts";
import type { Run } from "./command.ts";
import { exitStatus } from "./exit-status.ts";
import { printDiagnostics } from "./failure.ts";
import { textTable } from "./text-table.ts";

/** Longer values of the metadata (the plan, for one) are cut; `--json` has them whole. */
const MAX_VALUE = 100;

/** `coreml-export inspect <package or checkpoint>` */
export const run: Run = async ({ operands, values, signal }) => {
  const { mil, json, verbose: _, ...hub }: ValuesOf<OptionsOf<"inspect">, "shell" | "pipeline"> = values;
  const [path] = operands as [string];
  if (mil && json) fail("usage", "cli.conflict", "the text of a program is no JSON", { path: "--mil, --json" });
  if (mil) {
    process.stdout.write(programText(path));
    return exitStatus.passed;
  }
  const found = await inspect(path, { ...hub, signal });
  if (json) {
    process.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
  } else {
    if (found.kind === "checkpoint") printDiagnostics(found.diagnostics);
    process.stdout.write(found.kind === "package" ? packageText(found) : checkpointText(found));
  }
  return exitStatus.passed;
};

function packageText(p: PackageInspection): string {
  const functions = p.functions.map((f) => {
    const features = [
      ...f.inputs.map((i) => ["input", i.name, featureText(i)]),
      ...f.states.map((s) => ["state", s.name, featureText(s)]),
      ...f.outputs.map((o) => ["output", o.name, featureText(o)]),
    ];
    const ops = Object.entries(f.ops).map(([op, n]) => ["op", op, String(n)]);
    const isDefault = p.functions.length > 1 && f.name === p.defaultFunction;
    return `\nfunction ${f.name}${isDefault ? " (default)" : ""}\n${indented(textTable([...features, ...ops]))}`;
  });
  const metadata = Object.entries({ ...p.metadata, ...p.userDefined }).map(([key, value]) => [key, shortened(value)]);
  return [
    textTable([
      ["target", `${p.target} (specification version ${p.specificationVersion})`],
      ["size", byteFigure(p.bytes)],
      ...weightRows(p.weights),
    ]),
    ...functions,
    ...(metadata.length > 0 ? [`\nmetadata\n${indented(textTable(metadata))}`] : []),
  ].join("");
}

const checkpointText = (c: CheckpointInspection): string =>
  textTable([
    ["name", c.name],
    ...(c.revision ? [["revision", c.revision]] : []),
    ["model_type", c.modelType ?? "none"],
    ["architectures", c.architectures.join(", ") || "none"],
    ["tasks", c.tasks?.join(", ") ?? "none: this model type is not supported"],
    ["parameters", String(c.parameters)],
    ["size", byteFigure(c.bytes)],
    ...weightRows(c.weights),
  ]);

const weightRows = (weights: TensorTotals): string[][] =>
  Object.entries(weights).map(([dtype, w]) => [`weights ${dtype}`, `${w.tensors} tensors, ${byteFigure(w.bytes)}`]);

const indented = (text: string): string => text.replace(/^(?=.)/gm, "  ");

function shortened(value: string): string {
  const line = value.replaceAll("\n", " ");
  return line.length > MAX_VALUE ? `${line.slice(0, MAX_VALUE)}...` : line;
}

/** `int32 [1, 1..128]`, `RGB image 224 x 224`, `string`. */
function featureText(f: Feature | StateFeature): string {
  switch (f.kind) {
    case "tensor":
      return `${f.dtype} ${shapesText(f.shape, f.flexibility)}${f.optional ? " optional" : ""}`;
    case "image":
      return `${f.colorSpace} image, height x width ${shapesText([f.height, f.width], f.flexibility)}`;
    case "state":
      return `${f.dtype} [${f.shape.join(", ")}]`;
    case "label":
      return `label (${f.type})`;
    case "probabilities":
      return `probabilities by label (${f.key})`;
  }
}

function shapesText(shape: readonly number[] | undefined, flexible: Flexibility): string {
  switch (flexible.kind) {
    case "fixed":
      return shape ? `[${shape.join(", ")}]` : "of a shape known when it runs";
    case "range":
      return `[${flexible.ranges.map(([min, max]) => (min === max ? min : `${min}..${max}`)).join(", ")}]`;
    case "enumerated":
      return flexible.shapes.map((s) => `[${s.join(", ")}]`).join(" or ");
  }
}
