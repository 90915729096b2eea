import { elementCount } from "../../tensor/dtype.ts";
import { roundToHalf } from "../../tensor/half.ts";
import { valuesOf } from "../../tensor/memory.ts";
import type { LazyTensor } from "../../tensor/tensor.ts";
import { reshaped } from "../../tensor/views.ts";
import { computed, stridesOf } from "./decode.ts";

/** Position of an element's block: rows[row] + columns[column], a row being all dimensions but the last. */
interface Blocks {
  readonly rows: Int32Array;
  readonly columns: Int32Array;
}

/** Where the elements of a tensor of `shape` find theirs in one of `blocks`, whose sizes divide it. */
function blocksOf(shape: readonly number[], blocks: readonly number[]): Blocks {
  const [strides, blockStrides] = [stridesOf(shape.slice(0, -1)), stridesOf(blocks)];
  const sizes = shape.map((d, i) => d / (blocks[i] as number));
  const rows = Int32Array.from({ length: elementCount(shape.slice(0, -1)) }, (_, row) => {
    let [position, rest] = [0, row];
    strides.forEach((stride, i) => {
      position += Math.floor(Math.floor(rest / stride) / (sizes[i] as number)) * (blockStrides[i] as number);
      rest %= stride;
    });
    return position;
  });
  const columns = Int32Array.from({ length: shape.at(-1) as number }, (_, j) =>
    Math.floor(j / (sizes.at(-1) as number)),
  );
  return { rows, columns };
}

/**
 * `scale·(data − offset)` in the scale's dtype, each step rounded to it. Scale and offset have the rank of the data; each
 * of their entries counts for one block of it.
 */
export function shiftScaled(data: LazyTensor, scale: LazyTensor, offset: LazyTensor | undefined): LazyTensor {
  const key = `shiftScale(${[data, scale, offset].map((t) => t?.key ?? "").join(", ")})`;
  const rounded = scale.dtype === "fp16" ? roundToHalf : Math.fround;
  return computed(scale.dtype, data.shape, key, () => {
    const [values, scales, offsets] = [valuesOf(data), valuesOf(scale), offset && valuesOf(offset)];
    const byScale = blocksOf(data.shape, scale.shape);
    const byOffset = offset && blocksOf(data.shape, offset.shape);
    // Differences of integers are exact, those of floats are not.
    const shift = offsets instanceof Float32Array || values instanceof Float32Array ? rounded : (x: number) => x;
    // A product of two halves is exact in float32, so that the half is rounded once.
    const out = new Float32Array(values.length);
    const width = data.shape.at(-1) as number;
    for (let i = 0, row = 0; i < out.length; i += width, row++) {
      for (let j = 0; j < width; j++) {
        const by = byOffset
          ? (offsets?.[(byOffset.rows[row] as number) + (byOffset.columns[j] as number)] as number)
          : 0;
        const factor = scales[(byScale.rows[row] as number) + (byScale.columns[j] as number)] as number;
        out[i + j] = factor * shift((values[i + j] as number) - by);
      }
    }
    return out;
  });
}

/** A scalar, or one entry for each position on `axis`, as blocks of a tensor of rank `rank`. */
export function asBlocks(parameter: LazyTensor, rank: number, axis: number): LazyTensor {
  const shape = Array<number>(rank).fill(1);
  return reshaped(parameter, parameter.shape.length === 0 ? shape : shape.with(axis, parameter.shape[0] as number));
}
