// https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html#elementwise-unary
import type { DType } from "../../tensor/dtype.ts";
import type { Call } from "../call.ts";
import { type Dim, maxOf, minOf } from "../dim.ts";
import { type Lowering, onnxTypeOf } from "../lowering.ts";
import { at } from "../opset.ts";
import { tensor, word } from "../params.ts";
import { defineOp, result } from "../row.ts";
import { any } from "./domains.ts";

/** Smallest value and number of values of the integers that the executed graph keeps as int32. */
const narrow: Partial<Record<DType, readonly [smallest: number, count: number]>> = {
  int8: [-128, 256],
  uint8: [0, 256],
  int16: [-32_768, 65_536],
  uint16: [0, 65_536],
};

function wantedDtype(call: Call): DType {
  const [wanted, allowed] = [call.word("dtype"), at(any, call.target) ?? []];
  return allowed.find((d) => d === wanted) ?? call.refuse(`dtype '${wanted}', expected ${allowed.join(", ")}`);
}

/** Integers stay known where `dtype` holds them exactly. Sizes are taken to be below 2^24, the limit of float32. */
function castContent(content: readonly Dim[] | undefined, dtype: DType): readonly Dim[] | undefined {
  if (dtype === "int32" || dtype === "fp32") return content;
  const [smallest, count] = narrow[dtype] ?? [0, 0];
  return content?.every((d) => minOf(d) >= smallest && maxOf(d) < smallest + count) ? content : undefined;
}

/** Floats lose their fraction, what is not 0 becomes true, integers too large for a narrow type wrap around. */
export const cast = defineOp("cast", {
  in: [tensor("x", "T")],
  options: [word("dtype")],
  domains: { T: any },
  half: "fp32",
  infer(call) {
    const dtype = wantedDtype(call);
    return result(dtype, call.shape("x"), castContent(call.content("x"), dtype));
  },
  onnx(call) {
    const [from, to] = [call.dtype("x"), wantedDtype(call)];
    const type = onnxTypeOf(to);
    const x = call.in("x");
    const y = onnxTypeOf(from) === type ? x : call.cast(x, type);
    const range = narrow[to];
    if (range && from !== to) return wrapped(call, y, range);
    return y === x ? call.node("Identity", [x]) : y;
  },
});

/** Integers brought into a narrow type's range, as two's complement does. */
function wrapped(call: Lowering, x: string, [smallest, count]: readonly [number, number]): string {
  if (smallest === 0) return call.node("Mod", [x, call.int32(count)]);
  const shifted = call.node("Mod", [call.node("Sub", [x, call.int32(smallest)]), call.int32(count)]);
  return call.node("Add", [shifted, call.int32(smallest)]);
}

export const identity = defineOp("identity", {
  in: [tensor("x", [])],
  half: "moves",
  infer: (call) => ({ type: call.type("x"), content: call.content("x") }),
  onnx: (call) => call.node("Identity", [call.in("x")]),
});
