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
    const [kernel, over] = [window.kernel[i] as number, (count - 1) * (window.strides[i] as number) - size];
    // Without padding the last window may begin behind the end: what it gives is written nowhere.
    if (over >= padding(window, i)) call.refuse(`window ${count - 1} of dimension ${i + 2} begins behind the end of x`);
    return Math.max(0, over + kernel - padding(window, i));
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

/** x with the window's padding around it, and the window without. */
function padded(call: Lowering, x: string, w: Window, value: number): readonly [string, Window] {
  // With the axes spelled out ONNX Runtime does not move the padding into the pool again.
  const axes = call.int64s(w.kernel.map((_, i) => i + 2));
  const wide = call.node("Pad", [x, call.int64s(onnxPads(w.pad)), call.float(value), axes]);
  return [wide, { ...w, pad: w.pad.map(() => 0) }];
}

/** ONNX Runtime takes no padding as wide as the window. */
const isWide = (w: Window): boolean => w.pad.some((p, i) => p >= (w.kernel[Math.floor(i / 2)] as number));

/** A pool in which padding counts as entries of `value`. */
function pooledOver(
  call: Lowering,
  op: string,
  x: string,
  p: Placement,
  value: number,
  more: Readonly<Record<string, number>> = {},
): string {
  const whole = extended(p);
  const [input, w] = isWide(whole) ? padded(call, x, whole, value) : [x, whole];
  return call.node(op, [input], { ...onnxWindow(w), ...ceilMode(p), ...more });
}

export const max_pool = pooling("max_pool", (call, x, p) =>
  pooledOver(call, "MaxPool", x, p, Number.NEGATIVE_INFINITY),
);

/** The root of the sum of squares. */
export const l2_pool = pooling("l2_pool", (call, x, p) => pooledOver(call, "LpPool", x, p, 0, { p: 2 }));

export const avg_pool = pooling(
  "avg_pool",
  (call, x, p) => {
    const average = (of: string, w: Window, counted: boolean): string =>
      call.node("AveragePool", [of], { ...onnxWindow(w), ...ceilMode(p), count_include_pad: Number(counted) });
    const whole = extended(p);
    if (call.flag("exclude_padding_from_average")) {
      if (!isWide(whole)) return average(x, whole, false);
      const ones = call.node("Expand", [call.float(1), call.node("Shape", [x])]);
      const [sum, count] = [x, ones].map((of) => average(...padded(call, of, whole, 0), true));
      return call.node("Div", [sum as string, count as string]);
    }
    const isOver = p.overhang.some((n) => n > 0);
    if (!isOver && !isWide(p.window)) return average(x, p.window, true);
    // The padding counts, the overhang does not: pad beforehand, then leave the overhang out of the average.
    const [input, window] = padded(call, x, p.window, 0);
    return average(input, extended({ ...p, window }), false);
  },
  [flag("exclude_padding_from_average", false)],
);
