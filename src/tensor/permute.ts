import { fail } from "../diagnostics.ts";
import { contiguousView } from "./contiguous.ts";
import { type DType, elementCount } from "./dtype.ts";
import { mergedAxes, type Permutation } from "./merged-axes.ts";
import { scatter, type Words, wordsIn } from "./scatter.ts";
import { CHUNK_BYTES, withScratch } from "./scratch.ts";
import { sliced } from "./slice.ts";
import { elementBytes } from "./strided.ts";
import type { LazyTensor } from "./tensor.ts";

interface Range {
  readonly from: number;
  readonly to: number;
}

/** 8-byte elements as pairs of 32-bit words along one more axis, so that moving them needs no bigints. */
class WordPairs implements LazyTensor {
  readonly dtype = "uint32";
  readonly shape: readonly number[];
  readonly key: string;
  readonly #source: LazyTensor;

  constructor(source: LazyTensor) {
    this.shape = [...source.shape, 2];
    this.key = source.key;
    this.#source = source;
  }

  read(start: number, count: number, out: Uint8Array): void {
    this.#source.read(start / 2, count / 2, out);
  }
}

/**
 * Reads a range of the result by finding the box of the source that it comes from, reading the box in the source's
 * order (large reads), and scattering each piece to its place.
 */
class PermutedView implements LazyTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly key: string;
  readonly #words: LazyTensor;
  readonly #wordsPerElement: number;
  readonly #wordBytes: number;
  readonly #order: readonly number[];
  /** Words from one step to the next along each axis of the source, in the result. */
  readonly #strides: readonly number[];

  constructor(source: LazyTensor, shape: readonly number[], key: string, words: LazyTensor, permutation: Permutation) {
    this.dtype = source.dtype;
    this.shape = shape;
    this.key = key;
    this.#wordBytes = elementBytes(words, "a permutation");
    this.#wordsPerElement = elementBytes(source, "a permutation") / this.#wordBytes;
    this.#words = contiguousView(words, 0, permutation.dims, words.key);
    this.#order = permutation.order;
    const strides = permutation.dims.map(() => 1);
    let stride = 1;
    for (const axis of permutation.order.toReversed()) {
      strides[axis] = stride;
      stride *= permutation.dims[axis] as number;
    }
    this.#strides = strides;
  }

  read(start: number, count: number, out: Uint8Array): void {
    if (count === 0) return;
    if (out.byteOffset % this.#wordBytes !== 0) {
      this.#readUnaligned(start, count, out);
      return;
    }
    const wanted = { from: start * this.#wordsPerElement, to: (start + count) * this.#wordsPerElement };
    const everything = this.#words.shape.map((d) => ({ from: 0, to: d }));
    this.#readWithin(everything, 0, 0, wanted, wordsIn(out, this.#wordBytes));
  }

  #readUnaligned(start: number, count: number, out: Uint8Array): void {
    const bytes = this.#wordBytes * this.#wordsPerElement;
    const atOnce = CHUNK_BYTES / bytes;
    for (let done = 0; done < count; done += atOnce) {
      const length = Math.min(atOnce, count - done);
      withScratch(length * bytes, (scratch) => {
        this.read(start + done, length, scratch);
        out.set(scratch, done * bytes);
      });
    }
  }

  /**
   * Narrows `box`, whose part of the result starts at word `base`, along the result's axis `depth` to the rows that
   * overlap `wanted`, and reads it, or first narrows it further where most of those rows would be thrown away.
   */
  #readWithin(box: readonly Range[], depth: number, base: number, wanted: Range, out: Words): void {
    const axis = this.#order[depth] as number;
    const stride = this.#strides[axis] as number;
    const end = base + (this.#words.shape[axis] as number) * stride;
    const first = Math.floor((Math.max(wanted.from, base) - base) / stride);
    const last = Math.ceil((Math.min(wanted.to, end) - base) / stride);
    const overlap = Math.min(wanted.to, end) - Math.max(wanted.from, base);
    if ((last - first) * stride <= 2 * overlap || depth === this.#order.length - 1) {
      this.#readBox(box.with(axis, { from: first, to: last }), wanted.from, out);
      return;
    }
    for (let i = first; i < last; i++) {
      this.#readWithin(box.with(axis, { from: i, to: i + 1 }), depth + 1, base + i * stride, wanted, out);
    }
  }

  /** Reads a box of the source in pieces and scatters them; word 0 of `out` is word `start` of the result. */
  #readBox(box: readonly Range[], start: number, out: Words): void {
    const source = box.reduce((view, { from, to }, axis) => sliced(view, axis, from, to), this.#words);
    const corner = box.reduce((at, { from }, axis) => at + from * (this.#strides[axis] as number), -start);
    const total = elementCount(source.shape);
    for (let done = 0; done < total; ) {
      const piece = this.#pieceAt(source.shape, done);
      const length = elementCount(piece.dims);
      withScratch(length * this.#wordBytes, (scratch) => {
        source.read(done, length, scratch);
        scatter(wordsIn(scratch, this.#wordBytes), piece.dims, this.#strides, out, corner + piece.offset);
      });
      done += length;
    }
  }

  /** The most whole rows of a box, from a word of it on, that fit the scratch buffer; and their place in the result. */
  #pieceAt(shape: readonly number[], word: number): { dims: number[]; offset: number } {
    const most = CHUNK_BYTES / this.#wordBytes;
    const dims: number[] = [];
    let offset = 0;
    let rest = word;
    let inner = elementCount(shape);
    for (const [axis, d] of shape.entries()) {
      const whole = inner <= most && rest === 0;
      inner /= d;
      if (whole) {
        dims.push(d);
        continue;
      }
      const index = Math.floor(rest / inner);
      rest %= inner;
      dims.push(rest > 0 || inner > most ? 1 : Math.min(d - index, Math.floor(most / inner)));
      offset += index * (this.#strides[axis] as number);
    }
    return { dims, offset };
  }
}

function checkPermutation(tensor: LazyTensor, perm: readonly number[]): void {
  const rank = tensor.shape.length;
  if (perm.length !== rank || perm.toSorted((a, b) => a - b).some((axis, i) => axis !== i)) {
    fail("internal", "tensor.permute", `[${perm}] is no permutation of the axes of shape [${tensor.shape}]`, {
      path: tensor.key,
    });
  }
}

/**
 * Axes reordered as by `torch.permute`: axis i of the result is axis `perm[i]` of the tensor. Returns `tensor` itself
 * for the identity; keeps `at` when only axes of length 1 move.
 * @throws ConversionError when `perm` is no permutation of the tensor's axes.
 */
export function permuted(tensor: LazyTensor, perm: readonly number[]): LazyTensor {
  checkPermutation(tensor, perm);
  if (perm.every((axis, i) => axis === i)) return tensor;
  const shape = perm.map((axis) => tensor.shape[axis] as number);
  const key = `${tensor.key}|${perm.length === 2 ? "T" : `permute(${perm})`}`;
  const words = elementBytes(tensor, "a permutation") === 8 ? new WordPairs(tensor) : tensor;
  const permutation = mergedAxes(words.shape, words === tensor ? perm : [...perm, perm.length]);
  const isMoved = permutation.order.some((axis, i) => axis !== i) && elementCount(shape) > 0;
  if (!isMoved) return contiguousView(tensor, 0, shape, key);
  return new PermutedView(tensor, shape, key, words, permutation);
}

/**
 * The transpose of a matrix.
 * @throws ConversionError when the tensor is no matrix.
 */
export const transposed = (tensor: LazyTensor): LazyTensor => permuted(tensor, [1, 0]);
