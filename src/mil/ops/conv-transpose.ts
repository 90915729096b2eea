// https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html#convolution
import type { Call } from "../call.ts";
import { addDims, type Dim, dimsText, isFixed, mulDims } from "../dim.ts";
import { int, ints, optionalTensor, type Param, tensor, word } from "../params.ts";
import { defineOp, result } from "../row.ts";
import { ones, onnxPads, spatial, zeros } from "./conv.ts";
import { float, TthenU } from "./domains.ts";

const outputShape: Param<"output_shape", readonly number[], false> = {
  name: "output_shape",
  dtypes: ["int32"],
  form: "vector",
  binding: "const",
  default: null,
};

/** What is cut from the full result at the begin and the end of each spatial dimension; below 0: what is added. */
interface Cut {
  readonly begin: number;
  readonly end: number;
}

/** The size of spatial dimension i before anything is cut: stride·(size − 1) + reach. */
function fullSize(call: Call, size: Dim, i: number): Dim {
  const stride = call.ints("strides")[i] as number;
  return addDims(mulDims(stride, addDims(size, -1)), reach(call, i));
}

function reach(call: Call, i: number): number {
  const kernel = call.shape("weight")[i + 2];
  if (typeof kernel !== "number") return call.refuse("the kernel's size is unknown");
  return (kernel - 1) * (call.ints("dilations")[i] as number) + 1;
}

/** The sizes behind batch and channels. */
function outputSizes(call: Call): readonly Dim[] {
  const wanted = call.optional("output_shape");
  const sizes = call.shape("x").slice(2);
  if (wanted) return wanted.slice(2);
  return sizes.map((size, i) => {
    const { begin, end } = cutOf(call, i);
    return addDims(fullSize(call, size, i), -begin - end);
  });
}

function cutOf(call: Call, i: number): Cut {
  const type = call.word("pad_type");
  const pad = type === "custom" ? call.ints("pad") : zeros(call);
  const [before, behind] = [pad[2 * i] as number, pad[2 * i + 1] as number];
  const wanted = call.optional("output_shape")?.[i + 2];
  const full = fullSize(call, call.shape("x")[i + 2] as Dim, i);
  if (type !== "same") {
    if (wanted === undefined) return { begin: before, end: behind };
    return typeof full === "number"
      ? { begin: before, end: full - before - wanted }
      : call.refuse(`output_shape for an input of size ${dimsText([full])}`);
  }
  // Without output_shape the result is stride times the input: what is cut does not depend on the size.
  const total = wanted === undefined ? reach(call, i) - (call.ints("strides")[i] as number) : (full as number) - wanted;
  const begin = Math.max(0, Math.floor(total / 2));
  return { begin, end: total - begin };
}

/** The gradient of a convolution; weight [C_in, C_out / groups, *kernel] over x [N, C_in, *spatial]. */
export const conv_transpose = defineOp("conv_transpose", {
  in: [tensor("x", "T"), tensor("weight", TthenU)],
  options: [
    optionalTensor("bias", TthenU),
    ints("pad", zeros),
    outputShape,
    word("pad_type", "valid"),
    ints("strides", ones),
    ints("dilations", ones),
    int("groups", 1),
  ],
  domains: { T: float, U: float },
  infer(call) {
    const [x, weight] = [call.type("x"), call.shape("weight")];
    const [rank, n] = [x.shape.length, spatial(call)];
    if (rank < 3 || rank > 5) call.refuse(`x has rank ${rank}, expected 3 to 5`);
    if (weight.length !== rank) call.refuse(`weight ${dimsText(weight)} for x ${dimsText(x.shape)}`);
    const type = call.word("pad_type");
    if (!["valid", "same", "custom"].includes(type)) call.refuse(`pad_type '${type}', expected valid, same, custom`);
    const lengths = [call.ints("strides").length, call.ints("dilations").length, call.ints("pad").length / 2];
    if (lengths.some((l) => l !== n)) call.refuse(`strides, dilations or pad do not fit ${n} spatial dimensions`);
    call.unify(x.shape[1] as Dim, weight[0] as Dim, "channels of x and of the weight");
    const channels = mulDims(weight[1] as Dim, call.number("groups"));
    if (call.has("bias")) call.unify(call.shape("bias")[0] ?? 1, channels, "channels of the weight and of the bias");
    const wanted = call.optional("output_shape");
    if (wanted) {
      if (wanted.length !== rank) call.refuse(`output_shape ${dimsText(wanted)} for x ${dimsText(x.shape)}`);
      if (!isFixed(x.shape.slice(2))) call.refuse(`output_shape for x ${dimsText(x.shape)}`);
      call.unify(wanted[0] as Dim, x.shape[0] as Dim, "batch of output_shape and of x");
      call.unify(wanted[1] as Dim, channels, "channels of output_shape and of the weight");
    }
    return result(x.dtype, [x.shape[0] as Dim, channels, ...outputSizes(call)]);
  },
  onnx(call) {
    const cuts = Array.from({ length: spatial(call) }, (_, i) => cutOf(call, i));
    const inputs = [call.in("x"), call.in("weight"), ...(call.has("bias") ? [call.in("bias")] : [])];
    return call.node("ConvTranspose", inputs, {
      pads: onnxPads(cuts.flatMap(({ begin, end }) => [begin, Math.max(0, end)])),
      output_padding: cuts.map(({ end }) => Math.max(0, -end)),
      strides: call.ints("strides"),
      dilations: call.ints("dilations"),
      group: call.number("groups"),
    });
  },
});
