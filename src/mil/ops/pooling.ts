// https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html#pool
import type { Call } from "../call.ts";
import { addDims, type Dim, floorDivDims } from "../dim.ts";
import type { Lowering } from "../lowering.ts";
import { flag, ints, type Param, tensor, word } from "../params.ts";
import { defineOp, result } from "../row.ts";
import { convolved, explicitSame, ones, onnxPads, onnxWindow, spatial, type Window, windowOf, zeros } from "./conv.ts";
import { float } from "./domains.ts";

const poolWindow = (call: Call): Window => windowOf(call, call.ints("kernel_sizes"), ones(call));

/** Begin and end padding of spatial dimension i taken together. */
const padding = (w: Window, i: number): number => (w.pad[2 * i] as number) + (w.pad[2 * i + 1] as number);

/** The number of windows. With ceil_mode a last one may reach over the end, but not start in the end padding. */
function pooled(call: Call, w: Window, size: Dim, i: number): Dim {
  if (!call.flag("ceil_mode")) return convolved(w, size, i);
  const [kernel, stride, pad] = [w.kernel[i] as number, w.strides[i] as number, padding(w, i)];
  const count = addDims(floorDivDims(addDims(size, pad - kernel + stride - 1), stride), 1);
  if (pad === 0) return count;
  if (typeof count !== "number") return call.unifier.fresh("pooled", 1, Number.POSITIVE_INFINITY);
  return (count - 1) * stride >= (size as number) + pad / 2 ? count - 1 : count;
}

function checkWindow(call: Call, w: Window): void {
  const [rank, n] = [call.rank("x"), spatial(call)];
  if (rank < 3 || rank > 5) call.refuse(`x has rank ${rank}, expected 3 to 5`);
  if (w.kernel.length !== n) call.refuse(`kernel_sizes [${w.kernel}] for ${n} spatial dimensions`);
  if (!call.flag("ceil_mode")) return;
  if (n > 2) call.refuse(`ceil_mode for ${n} spatial dimensions, expected 1 or 2`);
  if (call.word("pad_type").startsWith("same")) call.refuse(`ceil_mode with pad_type '${call.word("pad_type")}'`);
  if (w.pad.some((_, i) => w.pad[i - (i % 2)] !== w.pad[i]))
    call.refuse(`ceil_mode with the asymmetric pad [${w.pad}]`);
}

/** The window in numbers, and how far the last window of each dimension reaches over the padded end. */
interface Placement {
  readonly window: Window;
  readonly overhang: readonly number[];
  /** Set where the sizes are unknown and ONNX Runtime must find the overhang. */
  readonly ceil: boolean;
}

function placement(call: Lowering): Placement {
  const sizes = call.shape("x").slice(2);
  const given = poolWindow(call);
  const window = given.padding === "explicit" ? given : explicitSame(given, sizes);
  const none = sizes.map(() => 0);
  if (!call.flag("ceil_mode")) return { window, overhang: none, ceil: false };
  const overhang = sizes.map((size, i) => {
    const count = pooled(call, window, size, i);
    if (typeof count !== "number" || typeof size !== "number") return undefined;
    const end = (count - 1) * (window.strides[i] as number) + (window.kernel[i] as number);
    return Math.max(0, end - size - padding(window, i));
  });
  return overhang.every((n) => n !== undefined)
    ? { window, overhang, ceil: false }
    : { window, overhang: none, ceil: true };
}

/** A window whose overhang counts as padding. */
const extended = ({ window, overhang }: Placement): Window => ({
  ...window,
  pad: window.pad.map((p, i) => (i % 2 === 0 ? p : p + (overhang[(i - 1) / 2] as number))),
});

const ceilMode = (p: Placement): { readonly ceil_mode?: number } => (p.ceil ? { ceil_mode: 1 } : {});

const pooling = <const More extends readonly Param[] = readonly []>(
  name: string,
  onnx: (call: Lowering, x: string, p: Placement) => string,
  more: More = [] as unknown as More,
) =>
  defineOp(name, {
    in: [tensor("x", "T")],
    options: [
      ...more,
      ints("kernel_sizes"),
      ints("strides", ones),
      word("pad_type"),
      ints("pad", zeros),
      flag("ceil_mode", false),
    ],
    domains: { T: float },
    infer(call) {
      const [{ dtype, shape }, w] = [call.type("x"), poolWindow(call)];
      checkWindow(call, w);
      return result(dtype, [...shape.slice(0, 2), ...shape.slice(2).map((size, i) => pooled(call, w, size, i))]);
    },
    onnx: (call) => onnx(call, call.in("x"), placement(call)),
  });

export const max_pool = pooling("max_pool", (call, x, p) =>
  call.node("MaxPool", [x], { ...onnxWindow(extended(p)), ...ceilMode(p) }),
);

/** The root of the sum of squares. */
export const l2_pool = pooling("l2_pool", (call, x, p) =>
  call.node("LpPool", [x], { ...onnxWindow(extended(p)), ...ceilMode(p), p: 2 }),
);

export const avg_pool = pooling(
  "avg_pool",
  (call, x, p) => {
    const average = (of: string, w: Window, padded: boolean): string =>
      call.node("AveragePool", [of], { ...onnxWindow(w), ...ceilMode(p), count_include_pad: Number(padded) });
    if (call.flag("exclude_padding_from_average")) return average(x, extended(p), false);
    if (p.overhang.every((n) => n === 0)) return average(x, p.window, true);
    // The padding counts, the overhang does not: pad beforehand, then leave the overhang out of the average.
    const { pad } = p.window;
    const inner = call.int64s([
      0,
      0,
      ...onnxPads(pad).slice(0, pad.length / 2),
      0,
      0,
      ...onnxPads(pad).slice(pad.length / 2),
    ]);
    return average(
      call.node("Pad", [x, inner]),
      extended({ ...p, window: { ...p.window, pad: pad.map(() => 0) } }),
      false,
    );
  },
  [flag("exclude_padding_from_average", false)],
);
