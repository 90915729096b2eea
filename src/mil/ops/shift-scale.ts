import type { Values } from "../../tensor/elements.ts";
import { roundToHalf } from "../../tensor/half.ts";
import { valuesOf } from "../../tensor/memory.ts";
import type { LazyTensor } from "../../tensor/tensor.ts";
import { reshaped } from "../../tensor/views.ts";
import { type Blocks, blocksOf, decoded, elementsOf } from "./decode.ts";

/** A scale or offset for each block of the data, and which block an element lies in. */
interface PerBlock extends Blocks {
  readonly values: Values;
}

const perBlock = (parameter: LazyTensor, shape: readonly number[]): PerBlock => ({
  values: valuesOf(parameter),
  ...blocksOf(shape, parameter.shape),
});

/**
 * `scale·(data − offset)` in the scale's dtype, each step rounded to it. Scale and offset have the rank of the data; each
 * of their entries counts for one block of it.
 */
export function shiftScaled(data: LazyTensor, scale: LazyTensor, offset: LazyTensor | undefined): LazyTensor {
  const key = `shiftScale(${[data, scale, offset].map((t) => t?.key ?? "").join(", ")})`;
  const rounded = scale.dtype === "fp16" ? roundToHalf : Math.fround;
  const width = data.shape.at(-1) ?? 1;
  let loaded: { readonly scales: PerBlock; readonly offsets: PerBlock | undefined } | undefined;
  return decoded(scale.dtype, data.shape, key, (start, out) => {
    loaded ??= { scales: perBlock(scale, data.shape), offsets: offset && perBlock(offset, data.shape) };
    const { scales, offsets } = loaded;
    const values = elementsOf(data, start, out.length);
    // Differences of integers are exact, those of floats are not.
    const isExact = !(offsets?.values instanceof Float32Array || values instanceof Float32Array);
    // A product of two halves is exact in float32, so that the half is rounded once.
    let row = Math.floor(start / width);
    let column = start - row * width;
    for (let i = 0; i < out.length; i++) {
      const by = offsets ? entryOf(offsets, row, column) : 0;
      const difference = (values[i] as number) - by;
      out[i] = entryOf(scales, row, column) * (isExact ? difference : rounded(difference));
      if (++column === width) {
        column = 0;
        row++;
      }
    }
  });
}

const entryOf = ({ values, rows, columns }: PerBlock, row: number, column: number): number =>
  values[(rows[row] as number) + (columns[column] as number)] as number;

/** A scalar, or one entry for each position on `axis`, as blocks of a tensor of rank `rank`. */
export function asBlocks(parameter: LazyTensor, rank: number, axis: number): LazyTensor {
  const shape = Array<number>(rank).fill(1);
  return reshaped(parameter, parameter.shape.length === 0 ? shape : shape.with(axis, parameter.shape[0] as number));
}
