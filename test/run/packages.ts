import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { writePackage } from "../../src/coreml/write-package.ts";
import type { Interface, TensorFeature } from "../../src/mil/interface.ts";
import { ops } from "../../src/mil/ops/index.ts";
import { isAtLeast } from "../../src/mil/opset.ts";
import type { Func } from "../../src/mil/program.ts";
import type { TensorType } from "../../src/mil/types.ts";
import { keepPackage } from "../keep-package.ts";
import { programOf } from "../mil/graph.ts";

/** A folder for the running file's tests, removed after them. */
export function testFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "run-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const feature = (name: string, { dtype, shape }: TensorType): TensorFeature => ({
  name,
  kind: "tensor",
  dtype: dtype as TensorFeature["dtype"],
  shape: shape as readonly number[],
  flexibility: { kind: "fixed" },
});

/** The description of a function whose inputs and outputs are tensors of fixed shapes. */
export function describedBy(func: Func): Interface {
  const tensors = (values: Func["inputs"]): TensorFeature[] =>
    values.flatMap((v) => (v.type.kind === "tensor" ? [feature(v.name, v.type)] : []));
  return {
    inputs: tensors(func.inputs),
    outputs: tensors(func.body.outputs),
    states: func.inputs.flatMap(({ name, type }) =>
      type.kind === "state"
        ? [{ name, kind: "state" as const, dtype: type.of.dtype as "fp16", shape: type.of.shape as readonly number[] }]
        : [],
    ),
  };
}

/** Writes a function as a package; `isKept`: it is worth checking with Apple's tools, too. */
export async function packageOf(
  path: string,
  func: Func,
  { described = describedBy(func), isKept = true }: { described?: Interface; isKept?: boolean } = {},
): Promise<string> {
  const target = isAtLeast(func.target, "iOS15") ? func.target : "iOS15";
  const model = {
    target,
    program: programOf(func),
    interfaces: new Map([["main", described]]),
    defaultFunction: "main",
    multifunction: false,
    metadata: { userDefined: new Map() },
  };
  await writePackage(path, model, ops);
  if (isKept) keepPackage(path);
  return path;
}
