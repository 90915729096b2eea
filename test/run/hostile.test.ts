import { join } from "node:path";
import { expect, test } from "vitest";
import { float32, int32 } from "../../src/mil/builder.ts";
import { ops } from "../../src/mil/ops/index.ts";
import { execute } from "../../src/run/execute.ts";
import { hostTensor } from "../../src/run/host-tensor.ts";
import { lower } from "../../src/run/lower.ts";
import { Graph, refusal } from "../mil/graph.ts";
import { describedBy, packageOf, testFolder } from "./packages.ts";

const folder = testFolder();

test.each([
  [2 ** 18, "accepted"],
  [2 ** 28, "run.memory"],
])("a value of %d times 4 KB", (reps, expected) => {
  const g = new Graph();
  const func = g.end({ y: g.op("tile", { x: g.input("x", float32([1, 1024])), reps: [reps, 1] }) });
  const { codes, message } = refusal(() => lower(func, describedBy(func), ops, { mode: "wide" }));
  expect(codes[0] ?? message).toBe(expected);
});

test("indices beyond the tensor are the package's fault, not the program's", async () => {
  const g = new Graph();
  const [x, i] = [g.input("x", float32([3])), g.input("i", int32([1]))];
  const path = await packageOf(join(folder, "p.mlpackage"), g.end({ y: g.op("gather", { x, indices: i, axis: 0 }) }));
  await using execution = await execute(path, { mode: "wide" });
  const run = execution.run({ x: hostTensor("fp32", [3], [1, 2, 3]), i: hostTensor("int32", [1], [7]) });
  await expect(run).rejects.toMatchObject({ kind: "validation", diagnostics: [{ code: "run.failed" }] });
});
