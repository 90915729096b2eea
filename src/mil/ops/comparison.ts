// https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html#elementwise-binary
import { type Dim, equalDims, maxOf, minOf } from "../dim.ts";
import { tensor } from "../params.ts";
import { defineOp, result } from "../row.ts";
import { elementwiseContent } from "./content.ts";
import { numeric } from "./domains.ts";

/** What a comparison says of two sizes, undefined where it depends on the run. */
type Verdict = (a: Dim, b: Dim) => boolean | undefined;

const equals: Verdict = (a, b) =>
  equalDims(a, b) ? true : maxOf(a) < minOf(b) || maxOf(b) < minOf(a) ? false : undefined;
const exceeds: Verdict = (a, b) => (minOf(a) > maxOf(b) ? true : maxOf(a) <= minOf(b) ? false : undefined);
const not =
  (verdict: Verdict): Verdict =>
  (a, b) => {
    const is = verdict(a, b);
    return is === undefined ? undefined : !is;
  };
const flipped =
  (verdict: Verdict): Verdict =>
  (a, b) =>
    verdict(b, a);

/** x and y broadcast and have one dtype; the result is bool. */
const comparison = (name: string, onnx: readonly string[], verdict: Verdict) =>
  defineOp(name, {
    in: [tensor("x", "T"), tensor("y", "T")],
    domains: { T: numeric },
    half: "moves",
    infer(call) {
      const content = elementwiseContent(call, "x", "y", (a, b) => {
        const is = verdict(a, b);
        return is === undefined ? undefined : Number(is);
      });
      return result("bool", call.broadcast(call.shape("x"), call.shape("y")), content);
    },
    onnx: (call) =>
      onnx.reduce<readonly string[]>((inputs, op) => [call.node(op, inputs)], [call.in("x"), call.in("y")]),
  });

export const equal = comparison("equal", ["Equal"], equals);
export const not_equal = comparison("not_equal", ["Equal", "Not"], not(equals));
export const greater = comparison("greater", ["Greater"], exceeds);
export const greater_equal = comparison("greater_equal", ["GreaterOrEqual"], not(flipped(exceeds)));
export const less = comparison("less", ["Less"], flipped(exceeds));
export const less_equal = comparison("less_equal", ["LessOrEqual"], not(exceeds));
