import type { Plan, PlannedImage, PlannedTensor } from "../plan.ts";
import { type HostTensor, type HostTensors, hostTensor } from "../run/host-tensor.ts";
import { elementCount } from "../tensor/dtype.ts";
import { shapeOf } from "./lengths.ts";
import { type Random, seededRandom } from "./random.ts";

/** A pixel's value, 0 to 255. */
type Pixel = (image: PlannedImage, channel: number, row: number, column: number, random: Random) => number;

const patterns: Readonly<Record<string, Pixel>> = {
  /** Rises to the right in the first channel, downwards in the second, along both in the third: no two are alike. */
  gradient({ height, width }, channel, row, column) {
    const [across, down] = [column / Math.max(1, width - 1), row / Math.max(1, height - 1)];
    return Math.round(255 * ([across, down, (across + down) / 2][channel] ?? 0));
  },
  noise: (_image, _channel, _row, _column, random) => random.integer(256),
  black: () => 0,
};

/** A gradient, seeded noise and black, by name. */
export function imageSets(plan: Plan, seed: number): ReadonlyMap<string, HostTensors> {
  return new Map(
    Object.entries(patterns).map(([name, pixel]) => {
      const random = seededRandom(seed, name);
      const inputs = plan.inputs.map(
        (i) => [i.name, i.kind === "image" ? pixels(i, pixel, random) : patchMask(i, random)] as const,
      );
      return [name, Object.fromEntries(inputs)];
    }),
  );
}

function pixels(image: PlannedImage, pixel: Pixel, random: Random): HostTensor {
  const channels = image.colorSpace === "GRAYSCALE" ? 1 : 3;
  const { height, width } = image;
  const values = new Int32Array(channels * height * width);
  let at = 0;
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) values[at++] = pixel(image, c, y, x, random);
  }
  return { dtype: "int32", shape: [1, channels, height, width], data: values };
}

/** Zeros and ones, at least one of each where there is room. */
function patchMask(input: PlannedTensor, random: Random): HostTensor {
  const shape = shapeOf(input, {});
  const values = Array.from({ length: elementCount(shape) }, () => random.integer(2));
  if (values.length > 1 && new Set(values).size === 1) values[0] = 1 - (values[0] ?? 0);
  return hostTensor("int32", shape, values);
}
