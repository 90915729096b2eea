import { fail } from "../diagnostics.ts";
import type { DType } from "./dtype.ts";
import { CHUNK_BYTES, withScratch } from "./scratch.ts";
import { checkAxis, elementBytes, SEEK_BYTES, splitAt } from "./strided.ts";
import type { LazyTensor } from "./tensor.ts";

/** A source and the elements it gives to each row of the result: `run` of them, `offset` into the row. */
interface Piece {
  readonly source: LazyTensor;
  readonly offset: number;
  readonly run: number;
}

class Concatenation implements LazyTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly key: string;
  readonly #pieces: readonly Piece[];
  readonly #row: number;
  readonly #bytes: number;

  constructor(shape: readonly number[], key: string, pieces: readonly Piece[], row: number, first: LazyTensor) {
    this.dtype = first.dtype;
    this.shape = shape;
    this.key = key;
    this.#pieces = pieces;
    this.#row = row;
    this.#bytes = elementBytes(first, "a concatenation");
  }

  read(start: number, count: number, out: Uint8Array): void {
    const rowsAtOnce = Math.floor(CHUNK_BYTES / (this.#row * this.#bytes));
    let done = 0;
    while (done < count) {
      const row = Math.floor((start + done) / this.#row);
      const column = (start + done) % this.#row;
      const wholeRows = column === 0 ? Math.min(Math.floor((count - done) / this.#row), rowsAtOnce) : 0;
      const length = wholeRows > 0 ? wholeRows * this.#row : Math.min(this.#row - column, count - done);
      const part = out.subarray(done * this.#bytes, (done + length) * this.#bytes);
      if (wholeRows > 1) for (const piece of this.#pieces) this.#scatter(piece, row, wholeRows, part);
      else for (const piece of this.#pieces) this.#copy(piece, row, column, length, part);
      done += length;
    }
  }

  /** Puts `rows` whole rows of a piece in their places. */
  #scatter(piece: Piece, row: number, rows: number, out: Uint8Array): void {
    const run = piece.run * this.#bytes;
    const stride = this.#row * this.#bytes;
    const offset = piece.offset * this.#bytes;
    if (run >= SEEK_BYTES) {
      for (let i = 0; i < rows; i++)
        this.#copy(piece, row + i, 0, this.#row, out.subarray(i * stride, (i + 1) * stride));
      return;
    }
    withScratch(rows * run, (scratch) => {
      piece.source.read(row * piece.run, rows * piece.run, scratch);
      for (let i = 0; i < rows; i++) out.set(scratch.subarray(i * run, (i + 1) * run), i * stride + offset);
    });
  }

  /** Puts what a piece has for elements `[column, column + length)` of one row in its place. */
  #copy(piece: Piece, row: number, column: number, length: number, out: Uint8Array): void {
    const from = Math.max(column, piece.offset);
    const to = Math.min(column + length, piece.offset + piece.run);
    if (from >= to) return;
    const part = out.subarray((from - column) * this.#bytes, (to - column) * this.#bytes);
    piece.source.read(row * piece.run + from - piece.offset, to - from, part);
  }
}

const fits = (tensor: LazyTensor, first: LazyTensor, axis: number): boolean =>
  tensor.dtype === first.dtype &&
  tensor.shape.length === first.shape.length &&
  tensor.shape.every((d, i) => i === axis || d === first.shape[i]);

/**
 * Tensors of one dtype joined along an axis; the other dims are equal. A single tensor is returned as it is.
 * @throws ConversionError when they do not fit together.
 */
export function concatenated(tensors: readonly LazyTensor[], axis: number): LazyTensor {
  const [first] = tensors;
  if (!first) fail("internal", "tensor.concat", "no tensors to concatenate");
  checkAxis(first, axis);
  if (tensors.length === 1) return first;
  const pieces: Piece[] = [];
  let row = 0;
  let length = 0;
  for (const source of tensors) {
    if (!fits(source, first, axis)) {
      const other = `${first.dtype} [${first.shape}]`;
      const message = `${source.dtype} [${source.shape}] cannot be joined to ${other} on axis ${axis}`;
      fail("internal", "tensor.concat", message, { path: source.key });
    }
    const split = splitAt(source.shape, axis);
    const run = split.length * split.inner;
    pieces.push({ source, offset: row, run });
    row += run;
    length += split.length;
  }
  const key = `concat(${tensors.map((t) => t.key).join(", ")}; ${axis})`;
  return new Concatenation(first.shape.with(axis, length), key, pieces, row, first);
}
