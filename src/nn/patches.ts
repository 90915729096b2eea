// Images as sequences of patches.
import type { Tensor } from "../mil/tensor.ts";
import type { LazyTensor } from "../tensor/tensor.ts";
import { concatenated, reshaped, sliced } from "../tensor/views.ts";
import { resizedBicubic } from "./bicubic.ts";
import type { Weights } from "./weights.ts";

/** [height, width], in pixels or in patches. */
export type Size = readonly [number, number];

/** A size that a config may state as one number for both. */
export const sizeOf = (stated: number | Size): Size => (typeof stated === "number" ? [stated, stated] : stated);

/** How many patches fit; rows and columns that are left over are in none. */
export const gridOf = (image: Size, patch: Size): Size => [
  Math.floor(image[0] / patch[0]),
  Math.floor(image[1] / patch[1]),
];

/** A convolution that sees every patch once: pixels [1, channels, H, W] -> [1, patches, width], row by row. */
export function patchEmbedding(pixels: Tensor, w: Weights, patch: Size, width: number): Tensor {
  const weight = pixels.graph.weight(w.get("weight", [width, pixels.fixed(1), ...patch]), w.at("weight").path);
  const bias = pixels.graph.weight(w.get("bias", [width]), w.at("bias").path);
  return pixels.graph.scoped(w.path, () => {
    const grid = pixels.conv(weight, { bias, strides: patch });
    const patches = grid.reshape({ shape: [1, width, grid.fixed(2) * grid.fixed(3)] });
    return patches.transpose({ perm: [0, 2, 1] });
  });
}

/**
 * A position table for another grid of patches: the first row, that of [CLS], stays, the others are resized.
 * @param table [1, 1 + patches of `from`, width]
 * @returns [1, 1 + patches of `to`, width], computed when it is read
 */
export function resizedPositions(table: LazyTensor, from: Size, to: Size): LazyTensor {
  const [, rows, width] = table.shape as readonly [number, number, number];
  const grid = reshaped(sliced(table, 1, 1, rows), [...from, width]);
  const resized = reshaped(resizedBicubic(grid, ...to), [1, to[0] * to[1], width]);
  return concatenated([sliced(table, 1, 0, 1), resized], 1);
}
