import { fail } from "../diagnostics.ts";
import { elementCount } from "../tensor/dtype.ts";

/** A tensor in memory at the model's boundary: numbers in row-major order. */
export type HostTensor =
  | { readonly dtype: "fp32"; readonly shape: readonly number[]; readonly data: Float32Array }
  | { readonly dtype: "int32"; readonly shape: readonly number[]; readonly data: Int32Array };

export type HostTensors = Readonly<Record<string, HostTensor>>;

/** @throws ConversionError `input.size` when the values do not fill the shape */
export function hostTensor(
  dtype: HostTensor["dtype"],
  shape: readonly number[],
  values: ArrayLike<number>,
): HostTensor {
  if (values.length !== elementCount(shape))
    fail("usage", "input.size", `${values.length} values for shape [${shape}]`);
  return dtype === "fp32"
    ? { dtype, shape, data: Float32Array.from(values) }
    : { dtype, shape, data: Int32Array.from(values) };
}
