import type { TensorSource } from "../../checkpoint/checkpoint.ts";
import { byteLength, elementCount, isFloat } from "../../tensor/dtype.ts";
import { decodeElements } from "../../tensor/elements.ts";
import type { LazyTensor } from "../../tensor/tensor.ts";
import { cast, reshaped, transposed } from "../../tensor/views.ts";
import type { CompressedWeight } from "./compressed-weights.ts";
import { matchRows } from "./matched-rows.ts";

/** A compressed weight, and the tensor of the checkpoint it was made from. */
export interface MatchedWeight {
  readonly weight: CompressedWeight;
  /** Its name in the checkpoint. */
  readonly tensor: string;
  /** The decoded values in the checkpoint's layout, float32. */
  readonly decoded: LazyTensor;
  /** Root mean square of the difference over that of the checkpoint's values. */
  readonly relativeRms: number;
  /**
   * Whether the values are about as near to the checkpoint's as its table or scale allows, so that the difference is
   * what this compression costs and nothing else. Undefined where values are not chosen one by one.
   */
  readonly isNearest: boolean | undefined;
}

/** A difference of this share of the values and more: not the same weight. Two that have nothing in common: 1.4. */
const SAME_WEIGHT = 0.7;
/** Values by which tensors are told apart. */
const SAMPLE = 4096;
/** Values read of one weight, 256 MB as float32; of a larger one its first rows. */
const MOST_VALUES = 1 << 26;
/** Root mean square over that of the nearest values on offer: some tools choose others, to make up for earlier errors. */
const NEAREST_SLACK = 2;

/** How a package may lay out a tensor of the checkpoint: Conv1D and `x @ w` are turned around by coremltools. */
type Layout = (tensor: LazyTensor) => LazyTensor;
const layouts: readonly Layout[] = [(t) => t, transposed];

/**
 * The tensor of the checkpoint whose values a compressed weight holds, whatever the two are called; undefined when it
 * holds those of none (two tensors in one, or another model's).
 */
export function matchWeight(weight: CompressedWeight, source: TensorSource): MatchedWeight | undefined {
  const shape = significant(weight.decoded.shape);
  const own = valuesFrom(weight.decoded, SAMPLE);
  let best: { readonly tensor: string; readonly layout: Layout; readonly error: number } | undefined;
  for (const tensor of source.names()) {
    const original = source.get(tensor);
    if (!original || !isFloat(original.dtype)) continue;
    for (const layout of original.shape.length === 2 ? layouts : layouts.slice(0, 1)) {
      const stored = layout(original);
      if (String(significant(stored.shape)) !== String(shape)) continue;
      const error = relativeRms(own, valuesFrom(stored, SAMPLE));
      if (error < (best?.error ?? SAME_WEIGHT)) best = { tensor, layout, error };
    }
  }
  const original = best && source.get(best.tensor);
  if (!best || !original) return matchTable(weight, source);
  const { tensor, layout } = best;
  const stored = layout(original);
  const rows = Math.max(1, Math.floor(MOST_VALUES / Math.max(1, elementCount(weight.decoded.shape.slice(1)))));
  const read = [Math.min(rows, weight.decoded.shape[0] ?? 1), ...weight.decoded.shape.slice(1)];
  const [actual, expected] = [weight.decoded, stored].map((t) => valuesFrom(t, elementCount(read))) as [Values, Values];
  const decoded = cast(layout(reshaped(weight.decoded, stored.shape)), "fp32");
  return {
    weight,
    tensor,
    decoded: reshaped(named(decoded, `${tensor}|as compressed`), original.shape),
    ...judged(weight, actual, expected, read),
  };
}

/** A constant made of rows of a table. */
function matchTable(weight: CompressedWeight, source: TensorSource): MatchedWeight | undefined {
  const found = matchRows(weight.decoded, source, SAME_WEIGHT);
  if (!found) return undefined;
  const { shape } = weight.decoded;
  const actual = valuesFrom(weight.decoded, elementCount(shape));
  return { weight, tensor: found.tensor, decoded: found.table, ...judged(weight, actual, found.expected, shape) };
}

const judged = (
  { block }: CompressedWeight,
  actual: Values,
  expected: Values,
  shape: readonly number[],
): Pick<MatchedWeight, "relativeRms" | "isNearest"> => ({
  relativeRms: relativeRms(actual, expected),
  isNearest: block && areNearest(actual, expected, shape, block),
});

type Values = ArrayLike<number>;

/** A matrix is the same with axes of length 1 around it: what a convolution makes of a dense layer. */
const significant = (shape: readonly number[]): readonly number[] => shape.filter((d) => d !== 1);

/** The first values in row-major order. */
function valuesFrom(tensor: LazyTensor, most: number): Values {
  const count = Math.min(most, elementCount(tensor.shape));
  const bytes = new Uint8Array(byteLength(tensor.dtype, count));
  tensor.read(0, count, bytes);
  return decodeElements(tensor.dtype, count, bytes, tensor.key) as Values;
}

function relativeRms(actual: Values, expected: Values): number {
  let [difference, size] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    difference += ((actual[i] as number) - (expected[i] as number)) ** 2;
    size += (expected[i] as number) ** 2;
  }
  return size === 0 ? Number(difference > 0) : Math.sqrt(difference / size);
}

/**
 * Whether the values are as near to those expected as any that appear in the same block. What appears is a part of what
 * the table or scale offers, so that this holds for every rounding to the nearest.
 */
function areNearest(actual: Values, expected: Values, shape: readonly number[], block: readonly number[]): boolean {
  const blockAt = blockIndex(shape, block);
  const offered = new Map<number, Set<number>>();
  for (let i = 0; i < actual.length; i++) {
    const at = blockAt(i);
    const values = offered.get(at);
    if (values) values.add(actual[i] as number);
    else offered.set(at, new Set([actual[i] as number]));
  }
  const tables = new Map([...offered].map(([at, values]) => [at, Float64Array.from(values).sort()]));
  let [own, least, size] = [0, 0, 0];
  for (let i = 0; i < actual.length; i++) {
    const e = expected[i] as number;
    own += ((actual[i] as number) - e) ** 2;
    least += distanceTo(tables.get(blockAt(i)) as Float64Array, e) ** 2;
    size += e ** 2;
  }
  // What is exact but for rounding to half precision has nothing nearer to be compared with.
  return Math.sqrt(own) <= NEAREST_SLACK * Math.sqrt(least) + 2 ** -10 * Math.sqrt(size);
}

/** Which block the element at a row-major index belongs to. */
function blockIndex(shape: readonly number[], block: readonly number[]): (i: number) => number {
  const strides = shape.map((_, axis) => elementCount(shape.slice(axis + 1)));
  const blocks = shape.map((d, axis) => Math.ceil(d / (block[axis] ?? d)));
  return (i) =>
    shape.reduce((at, d, axis) => {
      const position = Math.floor(i / (strides[axis] as number)) % d;
      return at * (blocks[axis] as number) + Math.floor(position / (block[axis] ?? d));
    }, 0);
}

/** From `x` to the nearest of ascending values. */
function distanceTo(sorted: Float64Array, x: number): number {
  let [low, high] = [0, sorted.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as number) <= x) low = middle;
    else high = middle;
  }
  return Math.min(Math.abs((sorted[low] as number) - x), Math.abs((sorted[high] as number) - x));
}

const named = (tensor: LazyTensor, key: string): LazyTensor => ({
  dtype: tensor.dtype,
  shape: tensor.shape,
  key,
  read: (start, count, out) => tensor.read(start, count, out),
});
