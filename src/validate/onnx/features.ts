import type { OnnxFeature } from "../../run/onnx-file/onnx-file.ts";

/** Sizes, null where any will do. */
export type Shape = readonly (number | null)[];

export const fits = (a: Shape, b: Shape): boolean =>
  a.length === b.length && a.every((size, i) => size === null || b[i] === null || size === b[i]);

/** `[?, 128]` */
export const shapeText = (shape: Shape): string => `[${shape.map((d) => d ?? "?").join(", ")}]`;

/** `input_ids [?, 128] int64` */
export const featureText = ({ name, type, shape }: OnnxFeature): string => `${name} ${shapeText(shape)} ${type}`;

/** A decoder has dozens of inputs and outputs: a message names the first of them. */
const MAX_LISTED = 6;

export const listed = (names: readonly string[]): string =>
  names.length > MAX_LISTED
    ? `${names.slice(0, MAX_LISTED).join(", ")} and ${names.length - MAX_LISTED} more`
    : names.join(", ");
