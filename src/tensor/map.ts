import { cast } from "./cast.ts";
import type { DType } from "./dtype.ts";
import { CHUNK_BYTES, fillAligned } from "./scratch.ts";
import type { LazyTensor } from "./tensor.ts";

class Mapped implements LazyTensor {
  readonly dtype: DType = "fp32";
  readonly shape: readonly number[];
  readonly key: string;
  readonly #source: LazyTensor;
  readonly #f: (value: number) => number;

  constructor(source: LazyTensor, key: string, f: (value: number) => number) {
    this.shape = source.shape;
    this.key = key;
    this.#source = cast(source, "fp32");
    this.#f = f;
  }

  read(start: number, count: number, out: Uint8Array): void {
    const atOnce = CHUNK_BYTES / 4;
    for (let done = 0; done < count; done += atOnce) {
      const length = Math.min(atOnce, count - done);
      fillAligned(out.subarray(done * 4, (done + length) * 4), 4, (aligned) => {
        this.#source.read(start + done, length, aligned);
        const values = new Float32Array(aligned.buffer, aligned.byteOffset, length);
        for (let i = 0; i < length; i++) values[i] = this.#f(values[i] as number);
      });
    }
  }
}

/**
 * `f` of each element, as fp32; the float source is widened (fp64: rounded) to fp32 first.
 * @param key what `f` does, appended to the tensor's key: equal keys must mean equal functions (`1+x`).
 * @throws ConversionError when the source is no float tensor.
 */
export const mapped = (tensor: LazyTensor, key: string, f: (value: number) => number): LazyTensor =>
  new Mapped(tensor, `${tensor.key}|${key}`, f);
