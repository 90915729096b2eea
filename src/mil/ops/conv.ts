// https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html#convolution
import type { Call } from "../call.ts";
import { addDims, ceilDivDims, type Dim, dimsText, floorDivDims } from "../dim.ts";
import { int, ints, optionalTensor, tensor, word } from "../params.ts";
import { defineOp, result } from "../row.ts";
import { float, TthenU } from "./domains.ts";

/** Spatial dimensions: those behind batch and channels. */
export const spatial = (call: Call): number => call.rank("x") - 2;

/** Padding of each spatial dimension at its begin and its end; `same` is undefined where only the run knows the size. */
export interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly padding: "explicit" | "SAME_UPPER" | "SAME_LOWER";
  /** [b0, e0, b1, e1, …] where the padding is explicit. */
  readonly pad: readonly number[];
}

const kinds: Readonly<Record<string, Window["padding"]>> = {
  valid: "explicit",
  custom: "explicit",
  same: "SAME_UPPER",
  same_lower: "SAME_LOWER",
};

export function windowOf(call: Call, kernel: readonly number[], dilations: readonly number[]): Window {
  const n = spatial(call);
  const type = call.word("pad_type");
  const padding = kinds[type] ?? call.refuse(`pad_type '${type}', expected ${Object.keys(kinds).join(", ")}`);
  const strides = call.ints("strides");
  const pad = type === "custom" ? call.ints("pad") : Array<number>(2 * n).fill(0);
  if (strides.length !== n || dilations.length !== n || pad.length !== 2 * n)
    call.refuse(`strides, dilations or pad do not fit ${n} spatial dimensions`);
  return { kernel, strides, dilations, padding, pad };
}

/** The size of a spatial dimension behind the window. */
export function convolved(w: Window, size: Dim, i: number): Dim {
  const stride = w.strides[i] as number;
  if (w.padding !== "explicit") return ceilDivDims(size, stride);
  const reach = ((w.kernel[i] as number) - 1) * (w.dilations[i] as number) + 1;
  const padded = addDims(size, (w.pad[2 * i] as number) + (w.pad[2 * i + 1] as number) - reach);
  return addDims(floorDivDims(padded, stride), 1);
}

/** ONNX lists all begins, then all ends. */
export const onnxPads = (pad: readonly number[]): readonly number[] => [
  ...pad.filter((_, i) => i % 2 === 0),
  ...pad.filter((_, i) => i % 2 === 1),
];

export const onnxWindow = (w: Window): Record<string, number | string | readonly number[]> => ({
  kernel_shape: w.kernel,
  strides: w.strides,
  ...(w.padding === "explicit" ? { pads: onnxPads(w.pad) } : { auto_pad: w.padding }),
});

export const ones = (call: Call): readonly number[] => Array<number>(spatial(call)).fill(1);
export const zeros = (call: Call): readonly number[] => Array<number>(2 * spatial(call)).fill(0);

/** A window over a width, as one over an image of height 1. */
const withHeight = (w: Window): Window => ({
  kernel: [1, ...w.kernel],
  strides: [1, ...w.strides],
  dilations: [1, ...w.dilations],
  padding: w.padding,
  pad: [0, 0, ...w.pad],
});

/** Weight [C_out, C_in / groups, *kernel] over x [N, C_in, *spatial]. */
export const conv = defineOp("conv", {
  in: [tensor("x", "T"), tensor("weight", TthenU)],
  options: [
    optionalTensor("bias", TthenU),
    ints("strides", ones),
    word("pad_type", "valid"),
    ints("pad", zeros),
    ints("dilations", ones),
    int("groups", 1),
  ],
  domains: { T: float, U: float },
  infer(call) {
    const x = call.type("x");
    const weight = call.shape("weight");
    if (x.shape.length < 3 || x.shape.length > 5) call.refuse(`x has rank ${x.shape.length}, expected 3 to 5`);
    if (weight.length !== x.shape.length) call.refuse(`weight ${dimsText(weight)} for x ${dimsText(x.shape)}`);
    const kernel = weight
      .slice(2)
      .map((d) => (typeof d === "number" ? d : call.refuse("the kernel's size is unknown")));
    const [groups, [out, inner]] = [call.number("groups"), weight as readonly [Dim, Dim]];
    call.unify(
      x.shape[1] as Dim,
      typeof inner === "number" ? inner * groups : inner,
      "channels of x and of the weight",
    );
    if (call.has("bias")) call.unify(call.shape("bias")[0] ?? 1, out, "channels of the weight and of the bias");
    const w = windowOf(call, kernel, call.ints("dilations"));
    return result(x.dtype, [x.shape[0] as Dim, out, ...x.shape.slice(2).map((d, i) => convolved(w, d, i))]);
  },
  onnx(call) {
    const w = windowOf(call, call.shape("weight").slice(2) as number[], call.ints("dilations"));
    // ONNX Runtime computes `auto_pad` without dilation; spell such padding out where the sizes are known.
    const same = w.padding === "explicit" ? w : explicitSame(w, call.shape("x").slice(2));
    const group = call.number("groups");
    const bias = call.has("bias") ? [call.in("bias")] : [];
    const convolve = (x: string, weight: string, by: Window): string =>
      call.node("Conv", [x, weight, ...bias], { ...onnxWindow(by), dilations: by.dilations, group });
    if (spatial(call) !== 1) return convolve(call.in("x"), call.in("weight"), same);
    // ONNX Runtime sums one dimension in another order than two. Exporters to ONNX write two, and where a logarithm of
    // almost nothing follows (a spectrogram), the order decides the third digit: the same order makes results comparable.
    const height = call.int64s([2]);
    const flat = (x: string): string => call.node("Unsqueeze", [x, height]);
    const y = convolve(flat(call.in("x")), flat(call.in("weight")), withHeight(same));
    return call.node("Squeeze", [y, height]);
  },
});

/** `same` padding in numbers: the odd one goes to the end (`SAME_UPPER`) or to the begin. */
export function explicitSame(w: Window, sizes: readonly Dim[]): Window {
  if (!sizes.every((d) => typeof d === "number")) return w;
  const pad = sizes.flatMap((size, i) => {
    const stride = w.strides[i] as number;
    const reach = ((w.kernel[i] as number) - 1) * (w.dilations[i] as number) + 1;
    const total = Math.max(0, (Math.ceil(size / stride) - 1) * stride + reach - size);
    const [small, large] = [Math.floor(total / 2), Math.ceil(total / 2)];
    return w.padding === "SAME_UPPER" ? [small, large] : [large, small];
  });
  return { ...w, padding: "explicit", pad };
}
