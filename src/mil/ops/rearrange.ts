// https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html#tensor-transformation
import type { Call } from "../call.ts";
import { type Dim, floorDivDims, mulDims } from "../dim.ts";
import type { Lowering } from "../lowering.ts";
import type { Target } from "../opset.ts";
import { int, type Param, tensor, uint } from "../params.ts";
import { defineOp, result } from "../row.ts";
import { float } from "./domains.ts";

/** x [N, C, H, W] becomes `shape(…)`, blocks of `factor`² pixels turning into channels or back. */
const rearrangement = <const Factor extends Param>(
  name: string,
  factor: Factor,
  shape: (call: Call, x: readonly [Dim, Dim, Dim, Dim], factor: number) => readonly Dim[],
  onnx: (call: Lowering, factor: number) => string,
  since?: Target,
) =>
  defineOp(name, {
    ...(since ? { since } : {}),
    in: [tensor("x", "T")],
    options: [factor],
    domains: { T: float },
    half: "moves",
    infer(call) {
      const x = call.type("x");
      if (x.shape.length !== 4) call.refuse(`x has rank ${x.shape.length}, expected 4`);
      return result(x.dtype, shape(call, x.shape as readonly [Dim, Dim, Dim, Dim], call.number(factor.name)));
    },
    onnx: (call) => onnx(call, call.number(factor.name)),
  });

function split(call: Call, size: Dim, by: number): Dim {
  const part = floorDivDims(size, by);
  return typeof size === "number" && size % by !== 0 ? call.refuse(`${size} does not divide by ${by}`) : part;
}

const toSpace = (call: Call, [n, c, h, w]: readonly [Dim, Dim, Dim, Dim], by: number): readonly Dim[] => [
  n,
  split(call, c, by * by),
  mulDims(h, by),
  mulDims(w, by),
];
const toDepth = (call: Call, [n, c, h, w]: readonly [Dim, Dim, Dim, Dim], by: number): readonly Dim[] => [
  n,
  mulDims(c, by * by),
  split(call, h, by),
  split(call, w, by),
];

/** Channel c·f² + i becomes pixel i of the blocks of channel c. */
export const pixel_shuffle = rearrangement("pixel_shuffle", int("upscale_factor"), toSpace, (call, blocksize) =>
  call.node("DepthToSpace", [call.in("x")], { blocksize, mode: "CRD" }),
);

/** Channel i·C + c becomes pixel i of the blocks of channel c. */
export const depth_to_space = rearrangement("depth_to_space", int("block_size"), toSpace, (call, blocksize) =>
  call.node("DepthToSpace", [call.in("x")], { blocksize, mode: "DCR" }),
);

export const space_to_depth = rearrangement("space_to_depth", int("block_size"), toDepth, (call, blocksize) =>
  call.node("SpaceToDepth", [call.in("x")], { blocksize }),
);

/** The inverse of `pixel_shuffle`. */
export const pixel_unshuffle = rearrangement(
  "pixel_unshuffle",
  uint("downscale_factor"),
  toDepth,
  (call, blocksize) => {
    const channels = call.shape("x")[1];
    if (typeof channels !== "number") return call.refuse("the number of channels is unknown");
    // SpaceToDepth puts the pixel before the channel; take the channels in the other order.
    const pixels = blocksize * blocksize;
    const order = Array.from({ length: channels * pixels }, (_, i) => (i % pixels) * channels + Math.floor(i / pixels));
    const y = call.node("SpaceToDepth", [call.in("x")], { blocksize });
    return call.node("Gather", [y, call.int64s(order)], { axis: 1 });
  },
  "iOS16",
);
