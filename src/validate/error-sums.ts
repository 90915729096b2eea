import type { ErrorFigures } from "./comparison.ts";

/** Collects pairs of finite values and says how far they are apart. Sums are fp64. */
export class ErrorSums {
  #count = 0;
  #maxAbsolute = 0;
  #at = 0;
  #maxReference = 0;
  #squaredError = 0;
  #squaredActual = 0;
  #squaredExpected = 0;
  #product = 0;

  add(index: number, actual: number, expected: number): void {
    const error = Math.abs(actual - expected);
    if (this.#count === 0 || error > this.#maxAbsolute) {
      this.#maxAbsolute = error;
      this.#at = index;
    }
    this.#count++;
    this.#maxReference = Math.max(this.#maxReference, Math.abs(expected));
    this.#squaredError += error * error;
    this.#squaredActual += actual * actual;
    this.#squaredExpected += expected * expected;
    this.#product += actual * expected;
  }

  /**
   * The first `length` pairs of two arrays of finite values, as fast as memory gives them.
   * @param index that of the first pair
   */
  addAll(index: number, actual: ArrayLike<number>, expected: ArrayLike<number>, length: number): void {
    let [maxAbsolute, at, maxReference] = [this.#count === 0 ? -1 : this.#maxAbsolute, this.#at, this.#maxReference];
    let [squaredError, squaredActual, squaredExpected, product] = [0, 0, 0, 0];
    for (let i = 0; i < length; i++) {
      const a = actual[i] as number;
      const e = expected[i] as number;
      const error = Math.abs(a - e);
      if (error > maxAbsolute) {
        maxAbsolute = error;
        at = index + i;
      }
      maxReference = Math.max(maxReference, Math.abs(e));
      squaredError += error * error;
      squaredActual += a * a;
      squaredExpected += e * e;
      product += a * e;
    }
    if (length === 0) return;
    this.#count += length;
    [this.#maxAbsolute, this.#at, this.#maxReference] = [maxAbsolute, at, maxReference];
    this.#squaredError += squaredError;
    this.#squaredActual += squaredActual;
    this.#squaredExpected += squaredExpected;
    this.#product += product;
  }

  /** Null when nothing was added. */
  figures(shape: readonly number[]): ErrorFigures | null {
    if (this.#count === 0) return null;
    const rms = Math.sqrt(this.#squaredError / this.#count);
    const norms = Math.sqrt(this.#squaredActual) * Math.sqrt(this.#squaredExpected);
    const hasReference = this.#maxReference > 0;
    return {
      count: this.#count,
      maxAbsolute: this.#maxAbsolute,
      maxAbsoluteAt: indexOf(this.#at, shape),
      maxReference: this.#maxReference,
      relative: hasReference ? this.#maxAbsolute / this.#maxReference : null,
      rms,
      relativeRms: hasReference ? Math.sqrt(this.#squaredError / this.#squaredExpected) : null,
      cosine: norms > 0 ? Math.min(1, this.#product / norms) : null,
      psnr: hasReference && rms > 0 ? 20 * Math.log10(this.#maxReference / rms) : null,
    };
  }
}

/** Row-major index -> one index per axis. */
export function indexOf(at: number, shape: readonly number[]): number[] {
  let rest = at;
  return shape
    .toReversed()
    .map((size) => {
      const i = rest % size;
      rest = Math.floor(rest / size);
      return i;
    })
    .reverse();
}
