import { tensorOf } from "../tensor/memory.ts";
import type { LazyTensor } from "../tensor/tensor.ts";

/** The longest wave spans 2π times this many positions: https://arxiv.org/abs/1706.03762, 3.5. */
const BASE = 10000;

/**
 * Fixed position embeddings [rows, width], fp32: column 2i holds sin(position / 10000^(2i / width)), column 2i + 1 the
 * cosine. Computed in fp64 and rounded, as Transformers does with NumPy. The power is an exponential: V8's `Math.pow`
 * gives other bits from one version to the next.
 */
export function sinusoidalTable(rows: number, width: number): LazyTensor {
  const values = new Float32Array(rows * width);
  for (let column = 0; column < width; column++) {
    const isSine = column % 2 === 0;
    const wave = Math.exp(((column - (isSine ? 0 : 1)) / width) * Math.log(BASE));
    for (let position = 0; position < rows; position++) {
      const angle = position / wave;
      values[position * width + column] = isSine ? Math.sin(angle) : Math.cos(angle);
    }
  }
  return tensorOf("fp32", [rows, width], values, `sinusoidal(${rows},${width})`);
}
