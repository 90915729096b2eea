import { expect, test } from "vitest";
import { readPackage } from "../../src/coreml/read-package.ts";
import { ops } from "../../src/mil/ops/index.ts";
import type { Func } from "../../src/mil/program.ts";
import { hostTensor } from "../../src/run/host-tensor.ts";
import { logitsFailure } from "../../src/validate/log-probabilities.ts";
import { pooledStatistics, withPooled } from "../../src/validate/pooled-statistics.ts";
import { judgeEpsilons } from "../../src/validate/weights/judge-epsilons.ts";
import { packagePath, withParameter } from "./packages.ts";

const functionOf = (name: string): Func => {
  using model = readPackage(packagePath(name), ops);
  return [...model.program.functions.values()][0] as Func;
};

test("a norm has the epsilon of the model, but for what half precision makes of it", () => {
  const [float, half] = [functionOf("bert_masked-lm"), functionOf("bert_masked-lm_fp16")];
  expect(judgeEpsilons(half, float)).toBeUndefined();
  expect(judgeEpsilons(withParameter("epsilon", 1e-3)(half), float)).toBe(
    "a layer_norm has the epsilon 0.001, the model 1e-12",
  );
  expect(judgeEpsilons(half, withParameter("epsilon", 1e-3)(float))).toContain("the model 0.001");
});

/** Softmax of logits that are all but alike, over many classes: every probability is below 1e-3. */
function flat(classes: number, change: (logit: number, i: number) => number) {
  const logits = Array.from({ length: classes }, (_, i) => change(Math.sin(i), i));
  const sum = logits.reduce((total, x) => total + Math.exp(x), 0);
  return hostTensor(
    "fp32",
    [1, 1, classes],
    logits.map((x) => Math.exp(x) / sum),
  );
}

test("among many classes a wrong logit shows, though no probability moves by the absolute gate", () => {
  const [expected, actual] = [flat(5000, (x) => x), flat(5000, (x, i) => (i === 7 ? x + 0.5 : x))];
  const moved = Math.max(...Array.from(expected.data, (x, i) => Math.abs(x - Number(actual.data[i]))));
  expect(moved).toBeLessThan(5e-4);
  expect(logitsFailure(actual, expected, "float16")).toMatch(/off by 0\.5, above 0\.0\d/);
  expect(logitsFailure(actual, expected, "float32")).toMatch(/above 0\.001/);
  expect(logitsFailure(expected, expected, "float32")).toBeUndefined();
});

test("a number added to all logits of a row changes nothing", () => {
  expect(
    logitsFailure(
      flat(100, (x) => x + 3),
      flat(100, (x) => x),
      "float32",
    ),
  ).toBeUndefined();
});

test("only positions that are compared count, also where the softmax runs over them", () => {
  const [expected, actual] = [flat(100, (x) => x), flat(100, (x, i) => (i === 99 ? x + 2 : x))];
  const kept = Array.from({ length: 99 }, (_, i) => i);
  expect(logitsFailure(actual, expected, "float32")).toBeDefined();
  expect(logitsFailure(actual, expected, "float32", { axis: 2, kept })).toBeUndefined();
  expect(logitsFailure(actual, expected, "float32", { axis: 1, kept: [] })).toBeUndefined();
});

test("three logits that happen to be alike have the scale they have in other calls", () => {
  const answers = [
    [0.1, 0.1001, 0.1],
    [1, -1, 0],
  ].map((v) => ({ logits: hostTensor("fp32", [1, 3], v) }));
  const own = { standardDeviation: 5e-5, max: 0.1001, count: 3 };
  const { standardDeviation, max } = withPooled(own, pooledStatistics(answers).get("logits"));
  expect(standardDeviation).toBeGreaterThan(0.5);
  expect(max).toBe(1);
  const many = answers.map(() => ({ logits: hostTensor("fp32", [1, 100], new Float32Array(100)) }));
  expect(pooledStatistics(many).size).toBe(0);
});
