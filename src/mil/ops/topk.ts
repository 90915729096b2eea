// https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html#tensor-operation
import type { DType } from "../../tensor/dtype.ts";
import { flag, int, size, tensor, word } from "../params.ts";
import { defineOp, type Result, result } from "../row.ts";
import { numeric, numericOrNarrow } from "./domains.ts";

const K = { iOS15: ["int32"], iOS17: ["int32", "int16", "int8"] } as const;

/** The k largest (or smallest) along an axis, best first, and where they stand. */
export const topk = defineOp("topk", {
  in: [tensor("x", "T")],
  options: [
    { ...size("k", K), binding: "const", default: 1 } as unknown as ReturnType<typeof int<"k">>,
    int("axis", -1),
    flag("ascending", false),
    flag("sort", true, { since: "iOS16" }),
    flag("return_indices", true, { since: "iOS16" }),
    word("output_indices_dtype", "int32", { since: "iOS17" }),
  ],
  domains: { T: numericOrNarrow },
  many: true,
  half: "moves",
  infer(call): readonly Result[] {
    const x = call.type("x");
    const axis = call.axis("axis", x.shape.length);
    const shape = x.shape.with(axis, call.number("k"));
    if (!call.flag("return_indices")) return [result(x.dtype, shape)];
    return [result(x.dtype, shape), result(call.word("output_indices_dtype") as DType, shape)];
  },
  onnx(call) {
    const axis = call.axis("axis", call.rank("x"));
    const [values, at] = call.nodes(
      "TopK",
      [call.in("x"), call.int64s([call.number("k")])],
      { axis, largest: call.flag("ascending") ? 0 : 1, sorted: 1 },
      2,
    );
    return call.flag("return_indices") ? [values as string, call.cast(at as string, "int32")] : [values as string];
  },
});

/** The order that sorts x along an axis. */
export const argsort = defineOp("argsort", {
  in: [tensor("x", "T")],
  options: [int("axis", -1), flag("ascending", false)],
  domains: { T: numeric },
  infer: (call) => result("int32", call.shape("x")),
  onnx(call) {
    const axis = call.axis("axis", call.rank("x"));
    const count = call.node("Gather", [call.node("Shape", [call.in("x")]), call.int64s([axis])], { axis: 0 });
    const [, order] = call.nodes(
      "TopK",
      [call.in("x"), count],
      { axis, largest: call.flag("ascending") ? 0 : 1, sorted: 1 },
      2,
    );
    return call.cast(order as string, "int32");
  },
});
