// https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html#elementwise-binary
import { isFloat } from "../../tensor/dtype.ts";
import type { Lowering } from "../lowering.ts";
import { tensor } from "../params.ts";
import { defineOp, result } from "../row.ts";
import {
  type DimArithmetic,
  difference,
  elementwiseContent,
  larger,
  product,
  quotient,
  remainder,
  smaller,
  sum,
  truncatedQuotient,
} from "./content.ts";
import { numeric } from "./domains.ts";

/** x and y broadcast and have one dtype, which is also the result's. */
const binary = (
  name: string,
  content: DimArithmetic | undefined,
  onnx: (call: Lowering, x: string, y: string) => string,
) =>
  defineOp(name, {
    in: [tensor("x", "T"), tensor("y", "T")],
    domains: { T: numeric },
    infer: (call) =>
      result(
        call.dtype("x"),
        call.broadcast(call.shape("x"), call.shape("y")),
        content && elementwiseContent(call, "x", "y", content),
      ),
    onnx: (call) => onnx(call, call.in("x"), call.in("y")),
  });

export const add = binary("add", sum, (call, x, y) => call.node("Add", [x, y]));
export const sub = binary("sub", difference, (call, x, y) => call.node("Sub", [x, y]));
export const mul = binary("mul", product, (call, x, y) => call.node("Mul", [x, y]));
export const pow = binary("pow", undefined, (call, x, y) => call.node("Pow", [x, y]));
export const maximum = binary("maximum", larger, (call, x, y) => call.node("Max", [x, y]));
export const minimum = binary("minimum", smaller, (call, x, y) => call.node("Min", [x, y]));

/** A divisor that is never 0: ONNX Runtime's integer division would end the process. */
function divisor(call: Lowering, y: string): string {
  const numbers = call.numbers("y");
  if (numbers && !numbers.includes(0)) return y;
  return call.node("Where", [call.node("Equal", [y, call.int32(0)]), call.int32(1), y]);
}

/** Of integers: the quotient without its fraction. */
export const real_div = binary("real_div", truncatedQuotient, (call, x, y) =>
  call.node("Div", [x, isFloat(call.dtype("x")) ? y : divisor(call, y)]),
);

export const floor_div = binary("floor_div", quotient, (call, x, y) => {
  if (isFloat(call.dtype("x"))) return call.node("Floor", [call.node("Div", [x, y])]);
  // ONNX drops the fraction: take the remainder, which has the divisor's sign, off first.
  const by = divisor(call, y);
  return call.node("Div", [call.node("Sub", [x, call.node("Mod", [x, by])]), by]);
});

/** The remainder with the sign of the divisor. */
export const mod = binary("mod", remainder, (call, x, y) => {
  if (!isFloat(call.dtype("x"))) return call.node("Mod", [x, divisor(call, y)]);
  // ONNX has only C's fmod for floats, whose sign is that of x.
  const rest = call.node("Mod", [x, y], { fmod: 1 });
  const zero = call.float(0);
  const isOpposite = call.node("Xor", [call.node("Less", [rest, zero]), call.node("Less", [y, zero])]);
  const isMoved = call.node("And", [isOpposite, call.node("Not", [call.node("Equal", [rest, zero])])]);
  return call.node("Where", [isMoved, call.node("Add", [rest, y]), rest]);
});
