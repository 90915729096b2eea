// https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html#linear
import { type DType, isFloat } from "../../tensor/dtype.ts";
import type { Call } from "../call.ts";
import { type Dim, dimsText } from "../dim.ts";
import type { Lowering } from "../lowering.ts";
import { flag, optionalTensor, tensor, tuple, weight, word } from "../params.ts";
import { defineOp, result } from "../row.ts";
import { numeric, TthenU } from "./domains.ts";
import { reshapedTo } from "./target-shape.ts";

/** A parameter as floats where the result is one: what is constant may have another dtype from iOS17 on. */
function inKindOf(call: Lowering, result: DType, name: string): string {
  return isFloat(result) === isFloat(call.dtype(name))
    ? call.in(name)
    : call.cast(call.in(name), isFloat(result) ? "float" : "int32");
}

const noBias = (call: Call): readonly number[] => {
  const [out] = call.shape("weight");
  return typeof out === "number" ? Array<number>(out).fill(0) : call.refuse("the weight's size is unknown");
};

/** x·weightᵀ + bias over the last dimension of x; weight [D_out, D_in]. */
export const linear = defineOp("linear", {
  in: [tensor("x", "T"), weight("weight", TthenU)],
  options: [optionalTensor("bias", TthenU, { binding: "const", default: noBias })],
  domains: { T: numeric, U: numeric },
  infer(call) {
    const [x, shape] = [call.type("x"), call.shape("weight")];
    const [out, inner] = shape;
    if (shape.length !== 2) call.refuse(`weight ${dimsText(shape)}, expected rank 2`);
    if (x.shape.length === 0) call.refuse("x is a scalar");
    call.unify(x.shape.at(-1) as Dim, inner as Dim, "last dimensions of x and of the weight");
    if (call.has("bias")) {
      const bias = call.shape("bias");
      if (bias.length !== 1) call.refuse(`bias ${dimsText(bias)}, expected rank 1`);
      call.unify(bias[0] as Dim, out as Dim, "sizes of the bias and of the weight's first dimension");
    }
    return result(x.dtype, x.shape.with(-1, out as Dim));
  },
  onnx(call) {
    const [x, out, inner] = [call.shape("x"), ...call.shape("weight")] as [readonly Dim[], number, number];
    const dtype = call.dtype("x");
    const weight = inKindOf(call, dtype, "weight");
    const bias = call.has("bias") ? [inKindOf(call, dtype, "bias")] : [];
    if (!isFloat(dtype)) {
      const turned = call.node("Transpose", [weight], { perm: [1, 0] });
      const y = call.node("MatMul", [call.in("x"), turned]);
      return call.has("bias") ? call.node("Add", [y, ...bias]) : y;
    }
    const gemm = (rows: string): string => call.node("Gemm", [rows, weight, ...bias], { transB: 1 });
    if (x.length === 2) return gemm(call.in("x"));
    const rows = call.node("Reshape", [call.in("x"), call.int64s([-1, inner])]);
    return reshapedTo(call, gemm(rows), x.with(-1, out), { name: call.in("x"), shape: x });
  },
});

/** The order that swaps the last two of `rank` dimensions. */
const swapped = (rank: number): readonly number[] => {
  const order = Array.from({ length: rank }, (_, i) => i);
  return [...order.slice(0, -2), rank - 1, rank - 2];
};

const turned = (shape: readonly Dim[], turn: boolean): readonly Dim[] =>
  turn && shape.length >= 2 ? swapped(shape.length).map((i) => shape[i] as Dim) : shape;

/** The operands' dtype; from iOS17 on a constant operand may have another, and the result takes that of the other one. */
function productDtype(call: Call): DType {
  const [x, y] = [call.dtype("x"), call.dtype("y")];
  if (x === y) return x;
  const [isXConst, isYConst] = [call.value("x").constant !== undefined, call.value("y").constant !== undefined];
  if (isXConst === isYConst) call.refuse(`'x' is ${x} and 'y' is ${y}, and not one of the two is constant`);
  return isYConst ? x : y;
}

/** NumPy's matmul; batch dimensions broadcast. */
export const matmul = defineOp("matmul", {
  in: [tensor("x", "T"), tensor("y", TthenU)],
  options: [flag("transpose_x", false), flag("transpose_y", false)],
  domains: { T: numeric, U: numeric },
  infer(call) {
    const x = turned(call.shape("x"), call.flag("transpose_x"));
    const y = turned(call.shape("y"), call.flag("transpose_y"));
    if (x.length === 0 || y.length === 0) call.refuse("an operand is a scalar");
    const [a, b] = [x.length === 1 ? [1, ...x] : x, y.length === 1 ? [...y, 1] : y];
    call.unify(a.at(-1) as Dim, b.at(-2) as Dim, "inner dimensions");
    const batch = call.broadcast(a.slice(0, -2), b.slice(0, -2));
    const rows = x.length === 1 ? [] : [a.at(-2) as Dim];
    const columns = y.length === 1 ? [] : [b.at(-1) as Dim];
    return result(productDtype(call), [...batch, ...rows, ...columns]);
  },
  onnx(call) {
    const operand = (name: "x" | "y"): string => {
      const rank = call.rank(name);
      const given = inKindOf(call, productDtype(call), name);
      if (!call.flag(`transpose_${name}`) || rank < 2) return given;
      return call.node("Transpose", [given], { perm: swapped(rank) });
    };
    return call.node("MatMul", [operand("x"), operand("y")]);
  },
});

/** The equations Core ML knows, up to the names of the letters. */
const products: readonly string[] = ["0123,0324->0124", "012,213->013"];

function canonical(equation: string): string {
  const letters: string[] = [];
  return equation.replaceAll(/\s/g, "").replaceAll(/[a-zA-Z]/g, (letter) => {
    if (!letters.includes(letter)) letters.push(letter);
    return String(letters.indexOf(letter));
  });
}

/** [B, C, H, W1] with [B, W1, H, W2] to [B, C, H, W2], or the same without B; B and H broadcast. */
export const einsum = defineOp("einsum", {
  in: [],
  options: [tuple("values", []), word("equation")],
  infer(call) {
    const equation = call.word("equation");
    const pattern = canonical(equation);
    if (!products.includes(pattern)) call.refuse(`equation '${equation}', expected nchw,nwhu->nchu or chw,whr->chr`);
    const [a, b, ...more] = call.types("values");
    if (!a || !b || more.length > 0) return call.refuse(`${call.values("values").length} values, expected 2`);
    if (a.dtype !== b.dtype || !isFloat(a.dtype)) call.refuse(`values are ${a.dtype} and ${b.dtype}`);
    const rank = pattern.indexOf(",");
    if (a.shape.length !== rank || b.shape.length !== rank) {
      call.refuse(`values ${dimsText(a.shape)} and ${dimsText(b.shape)}, expected rank ${rank}`);
    }
    const [channels, height, width] = a.shape.slice(-3) as [Dim, Dim, Dim];
    const [inner, otherHeight, out] = b.shape.slice(-3) as [Dim, Dim, Dim];
    call.unify(width, inner, "contracted dimensions");
    const batch = call.broadcast(a.shape.slice(0, -3), b.shape.slice(0, -3));
    return result(a.dtype, [...batch, channels, ...call.broadcast([height], [otherHeight]), out]);
  },
  onnx: (call) => contracted(call),
});

/** H becomes a batch dimension of a matrix product: ONNX Runtime's Einsum does not broadcast. */
function contracted(call: Lowering): string {
  const [a, b] = call.ins("values") as [string, string];
  const perm = call.types("values")[0]?.shape.length === 4 ? [0, 2, 1, 3] : [1, 0, 2];
  const product = call.node("MatMul", [call.node("Transpose", [a], { perm }), call.node("Transpose", [b], { perm })]);
  return call.node("Transpose", [product], { perm });
}
