import type { ImageTraits } from "../architectures/architecture.ts";
import { fail, quoted } from "../diagnostics.ts";
import type { PlanOptions } from "../options.ts";
import type { PlannedImage, PlannedInput } from "../plan.ts";
import type { Task } from "../tasks/task.ts";
import type { PlannedShape } from "./text-inputs.ts";

type Processor = Readonly<Record<string, unknown>>;

/** Four times what the largest vision models take; several images of the size are in memory at once. */
const MAX_PIXELS = 4096 * 4096;

/** The image input, with the normalisation that the processor would do; and what a task takes beside it. */
export function plannedImage(
  task: Task,
  traits: ImageTraits,
  processor: Processor | undefined,
  options: PlanOptions,
): PlannedShape {
  const [height, width] = sizeOf(traits, processor ?? {}, options.imageSize);
  if (height * width > MAX_PIXELS)
    fail("unsupported", "image.size", `images of ${height}x${width}, at most ${MAX_PIXELS} pixels are planned for`);
  const image: PlannedImage = {
    kind: "image",
    key: "image",
    name: "image",
    colorSpace: traits.channels === 1 ? "GRAYSCALE" : (traits.colorSpace ?? "RGB"),
    height,
    width,
    ...normalisation(processor ?? {}, traits.channels),
  };
  const mask: readonly PlannedInput[] =
    task.id === "masked-im"
      ? [
          {
            kind: "tensor",
            key: "bool_masked_pos",
            name: "bool_masked_pos",
            dtype: "int32",
            shape: [1, traits.patches(height, width)],
            role: "patch-mask",
          },
        ]
      : [];
  return { part: "model", inputs: [image, ...mask], lengths: {}, extraOutputs: [], target: "iOS15" };
}

/** [height, width]: as asked, else the crop of a processor that crops, else its size, else the model's own. */
function sizeOf(traits: ImageTraits, processor: Processor, asked: PlanOptions["imageSize"]): readonly [number, number] {
  if (asked !== undefined) return parseSize(asked);
  const crops = processor.do_center_crop === true && processor.crop_size !== undefined;
  const stated = processor[crops ? "crop_size" : "size"];
  return (stated === undefined ? undefined : statedSize(stated)) ?? traits.size;
}

function parseSize(asked: NonNullable<PlanOptions["imageSize"]>): readonly [number, number] {
  if (typeof asked === "object") return asked;
  const match = /^(\d+)(?:x(\d+))?$/.exec(String(asked));
  const [, height, width] =
    match ??
    fail("usage", "option.image_size", `'${asked}' is no size`, {
      path: "--image-size",
      hint: "write 224 or 224x320 (height x width)",
    });
  const size = [Number(height), Number(width ?? height)] as const;
  return size[0] > 0 && size[1] > 0
    ? size
    : fail("usage", "option.image_size", `'${asked}' is empty`, { path: "--image-size" });
}

/** A processor's size: a number, { height, width } or { shortest_edge }, which stands for a square. */
function statedSize(size: unknown): readonly [number, number] | undefined {
  const positive = (n: unknown): n is number => typeof n === "number" && Number.isInteger(n) && n > 0;
  if (positive(size)) return [size, size];
  const {
    height,
    width,
    shortest_edge: edge,
  } = (typeof size === "object" && size !== null ? size : {}) as Record<string, unknown>;
  if (positive(height) && positive(width)) return [height, width];
  return positive(edge) ? [edge, edge] : undefined;
}

/** scale and bias per channel for `(pixel · rescale − mean) / std`. */
function normalisation(
  processor: Processor,
  channels: number,
): { readonly scale: readonly number[]; readonly bias: readonly number[] } {
  const rescale = processor.do_rescale === false ? 1 : numberOf(processor.rescale_factor, 1 / 255, "rescale_factor");
  const normalises =
    processor.do_normalize !== false && (processor.image_mean !== undefined || processor.do_normalize === true);
  const mean = perChannel(normalises ? processor.image_mean : undefined, 0, channels, "image_mean");
  const std = perChannel(normalises ? processor.image_std : undefined, 1, channels, "image_std");
  return { scale: std.map((s) => rescale / s), bias: mean.map((m, i) => (m === 0 ? 0 : -m / (std[i] as number))) };
}

function numberOf(value: unknown, absent: number, key: string): number {
  if (value === undefined || value === null) return absent;
  return typeof value === "number" && Number.isFinite(value) && value !== 0
    ? value
    : fail("unreadable", "processor.value", `${key} is ${quoted(value)}`, { path: "preprocessor_config.json" });
}

function perChannel(value: unknown, absent: number, channels: number, key: string): readonly number[] {
  if (value === undefined || value === null) return Array<number>(channels).fill(absent);
  const list = typeof value === "number" ? Array<number>(channels).fill(value) : value;
  const isFitting =
    Array.isArray(list) && list.length === channels && list.every((n) => typeof n === "number" && Number.isFinite(n));
  if (!isFitting || (key === "image_std" && list.includes(0))) {
    return fail("unreadable", "processor.value", `${key} is ${quoted(value)}, expected ${channels} numbers`, {
      path: "preprocessor_config.json",
    });
  }
  return list as readonly number[];
}
