import type { PlannedImage } from "../plan.ts";
import { type HostTensor, type HostTensors, hostTensor } from "../run/host-tensor.ts";
import { elementCount } from "../tensor/dtype.ts";
import type { Executor } from "./validate.ts";

/** Where the calls of a plan and those of a package differ. */
export interface Adaptation {
  /** Images that the package takes as tensors of normalised pixels. */
  readonly normalised: readonly PlannedImage[];
  /** The input that takes where each token stands, and that of the tokens. */
  readonly positions?: { readonly name: string; readonly ids: string };
  /** Outputs of the package that nothing is compared with. */
  readonly ignored: readonly string[];
}

/** An executor whose calls and answers are those of the plan. */
export const adaptedExecutor =
  (execute: Executor, { normalised, positions, ignored }: Adaptation): Executor =>
  async (path, options) => {
    const execution = await execute(path, options);
    return {
      interface: execution.interface,
      roundings: execution.roundings,
      blocks: execution.blocks,
      ...(execution.classes ? { classes: execution.classes } : {}),
      get peakMemory() {
        return execution.peakMemory;
      },
      async run(inputs) {
        const images = normalised.flatMap((image): [string, HostTensor][] => {
          const pixels = inputs[image.name];
          return pixels ? [[image.name, normalisedPixels(pixels, image)]] : [];
        });
        const ids = positions && inputs[positions.ids];
        const prediction = await execution.run({
          ...inputs,
          ...Object.fromEntries(images),
          ...(ids ? { [positions.name]: positionsOf(ids) } : {}),
        });
        return { ...prediction, outputs: without(prediction.outputs, ignored) };
      },
      close: () => execution.close(),
      [Symbol.asyncDispose]: () => execution[Symbol.asyncDispose](),
    };
  };

/** 0 to S - 1 in every row. */
function positionsOf({ shape }: HostTensor): HostTensor {
  const length = shape.at(-1) ?? 1;
  return hostTensor(
    "int32",
    shape,
    Array.from({ length: elementCount(shape) }, (_, i) => i % length),
  );
}

/** What the model's processor makes of RGB pixels 0 to 255, [1, channels, height, width]. */
function normalisedPixels({ shape, data }: HostTensor, { scale, bias, colorSpace }: PlannedImage): HostTensor {
  const channels = scale.length;
  const plane = data.length / channels;
  const values = Float32Array.from({ length: data.length }, (_, i) => {
    const channel = Math.floor(i / plane);
    const from = colorSpace === "BGR" ? channels - 1 - channel : channel;
    return (data[from * plane + (i % plane)] as number) * (scale[channel] ?? 1) + (bias[channel] ?? 0);
  });
  return hostTensor("fp32", shape, values);
}

const without = (tensors: HostTensors, names: readonly string[]): Record<string, HostTensor> =>
  Object.fromEntries(Object.entries(tensors).filter(([name]) => !names.includes(name)));
