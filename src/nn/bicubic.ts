// https://github.com/pytorch/pytorch/blob/v2.13.0/aten/src/ATen/native/UpSample.h
import { fail } from "../diagnostics.ts";
import type { LazyTensor } from "../tensor/tensor.ts";
import { cast } from "../tensor/views.ts";

const round = Math.fround;

/** How sharply Keys' cubic bends: PyTorch's value, where other libraries take -0.5. */
const A = -0.75;
const TAPS = 4;

// Rounded to fp32 where PyTorch's build with fused multiply-add rounds: its weights come out bit for bit.
/** Weight of a sample at distance x, 0 <= x <= 1. */
const near = (x: number): number => round(round(round((A + 2) * x - (A + 3)) * x) * x) + 1;
/** Weight of a sample at distance x, 1 <= x <= 2. */
const far = (x: number): number => round(round(round(A * x - 5 * A) * x + 8 * A) * x) - 4 * A;

/** Which four samples of an axis make each sample of the resized one, and with what weights. */
interface Axis {
  readonly indices: Int32Array;
  readonly weights: Float32Array;
}

/** Half-pixel centres; samples beyond the border are those at the border. */
function axisOf(from: number, to: number): Axis {
  const [indices, weights] = [new Int32Array(to * TAPS), new Float32Array(to * TAPS)];
  const scale = round(from / to);
  for (let i = 0; i < to; i++) {
    const centre = round(scale * (i + 0.5) - 0.5);
    const left = Math.floor(centre);
    const x = round(centre - left);
    weights.set([far(round(x + 1)), near(x), near(round(1 - x)), far(round(round(1 - x) + 1))], i * TAPS);
    for (let k = 0; k < TAPS; k++) indices[i * TAPS + k] = Math.min(Math.max(left - 1 + k, 0), from - 1);
  }
  return { indices, weights };
}

class Resized implements LazyTensor {
  readonly dtype = "fp32";
  readonly shape: readonly [number, number, number];
  readonly key: string;
  readonly #source: LazyTensor;
  readonly #rows: Axis;
  readonly #columns: Axis;
  /** Elements of one row of the source. */
  readonly #sourceRow: number;

  constructor(source: LazyTensor, height: number, width: number) {
    const [h, w, d] = source.shape as readonly [number, number, number];
    this.shape = [height, width, d];
    this.key = `${source.key}|bicubic(${height},${width})`;
    this.#source = cast(source, "fp32");
    this.#rows = axisOf(h, height);
    this.#columns = axisOf(w, width);
    this.#sourceRow = w * d;
  }

  read(start: number, count: number, out: Uint8Array): void {
    const size = this.shape[1] * this.shape[2];
    for (let done = 0; done < count; ) {
      const [row, from] = [Math.floor((start + done) / size), (start + done) % size];
      const length = Math.min(size - from, count - done);
      out.set(new Uint8Array(this.#row(row).buffer, from * 4, length * 4), done * 4);
      done += length;
    }
  }

  /** One row of the result, [width, d]: in PyTorch's order, along the width first. */
  #row(row: number): Float32Array {
    const [, width, d] = this.shape;
    const { indices, weights } = this.#columns;
    const result = new Float32Array(width * d);
    const source = new Float32Array(this.#sourceRow);
    for (let tap = row * TAPS; tap < (row + 1) * TAPS; tap++) {
      const weight = this.#rows.weights[tap] as number;
      const first = (this.#rows.indices[tap] as number) * this.#sourceRow;
      this.#source.read(first, this.#sourceRow, new Uint8Array(source.buffer));
      for (let x = 0; x < width; x++) {
        for (let channel = 0; channel < d; channel++) {
          let sum = 0;
          for (let k = x * TAPS; k < (x + 1) * TAPS; k++) {
            sum = round(sum + (source[(indices[k] as number) * d + channel] as number) * (weights[k] as number));
          }
          result[x * d + channel] = (result[x * d + channel] as number) + sum * weight;
        }
      }
    }
    return result;
  }
}

/**
 * A grid [h, w, d] of vectors resized to [height, width, d] as PyTorch's
 * `interpolate(mode="bicubic", align_corners=False)` does, in fp32. Computed row by row when it is read; `table` itself
 * where the size is the same.
 * @throws ConversionError when `table` is no grid of floats
 */
export function resizedBicubic(table: LazyTensor, height: number, width: number): LazyTensor {
  if (table.shape.length !== 3) fail("internal", "tensor.resize", `[${table.shape}] is no grid`, { path: table.key });
  return table.shape[0] === height && table.shape[1] === width ? table : new Resized(table, height, width);
}
