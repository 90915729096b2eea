import { fail } from "../diagnostics.ts";
import { contiguousView } from "./contiguous.ts";
import type { DType } from "./dtype.ts";
import { CHUNK_BYTES, withScratch } from "./scratch.ts";
import { checkAxis, elementBytes, SEEK_BYTES, splitAt } from "./strided.ts";
import type { LazyTensor } from "./tensor.ts";

/** A slice that leaves gaps: `run` elements, `offset` into each `row` of the source. */
class StridedSlice implements LazyTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly key: string;
  readonly #source: LazyTensor;
  readonly #bytes: number;
  readonly #row: number;
  readonly #offset: number;
  readonly #run: number;

  constructor(
    source: LazyTensor,
    shape: readonly number[],
    key: string,
    layout: { row: number; offset: number; run: number },
  ) {
    this.dtype = source.dtype;
    this.shape = shape;
    this.key = key;
    this.#source = source;
    this.#bytes = elementBytes(source, "a slice");
    this.#row = layout.row;
    this.#offset = layout.offset;
    this.#run = layout.run;
  }

  read(start: number, count: number, out: Uint8Array): void {
    const bytes = this.#bytes;
    const rowsAtOnce = this.#rowsAtOnce();
    let done = 0;
    while (done < count) {
      const row = Math.floor((start + done) / this.#run);
      const column = (start + done) % this.#run;
      const wholeRows = column === 0 ? Math.min(Math.floor((count - done) / this.#run), rowsAtOnce) : 0;
      const length = wholeRows > 0 ? wholeRows * this.#run : Math.min(this.#run - column, count - done);
      const part = out.subarray(done * bytes, (done + length) * bytes);
      if (wholeRows > 0) this.#gather(row, wholeRows, part);
      else this.#source.read(row * this.#row + this.#offset + column, length, part);
      done += length;
    }
  }

  /** How many source rows to read in one go and pick from; 0 when seeking over the gaps is cheaper. */
  #rowsAtOnce(): number {
    const gap = (this.#row - this.#run) * this.#bytes;
    return gap < SEEK_BYTES ? Math.floor(CHUNK_BYTES / (this.#row * this.#bytes)) : 0;
  }

  #gather(row: number, rows: number, out: Uint8Array): void {
    const run = this.#run * this.#bytes;
    const stride = this.#row * this.#bytes;
    const spanned = (rows - 1) * this.#row + this.#run;
    withScratch(spanned * this.#bytes, (scratch) => {
      this.#source.read(row * this.#row + this.#offset, spanned, scratch);
      for (let i = 0; i < rows; i++) out.set(scratch.subarray(i * stride, i * stride + run), i * run);
    });
  }
}

/**
 * The elements `[start, end)` along one axis. Returns `tensor` itself when that is all of them; keeps `at` when the
 * elements lie side by side.
 * @throws ConversionError when the axis or the range is outside the shape.
 */
export function sliced(tensor: LazyTensor, axis: number, start: number, end: number): LazyTensor {
  checkAxis(tensor, axis);
  const { outer, length, inner } = splitAt(tensor.shape, axis);
  if (!(start >= 0 && start <= end && end <= length)) {
    fail("internal", "tensor.slice", `no range ${start}..${end} on axis ${axis} of shape [${tensor.shape}]`, {
      path: tensor.key,
    });
  }
  if (start === 0 && end === length) return tensor;
  const shape = tensor.shape.with(axis, end - start);
  const key = `${tensor.key}|slice(${axis},${start},${end})`;
  if (outer <= 1) return contiguousView(tensor, start * inner, shape, key);
  const layout = { row: length * inner, offset: start * inner, run: (end - start) * inner };
  return new StridedSlice(tensor, shape, key, layout);
}
