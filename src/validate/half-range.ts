import { type ExecuteOptions, execute } from "../run/execute.ts";
import type { HostTensor } from "../run/host-tensor.ts";
import { inGroups, innerValues } from "./inner-values.ts";
import type { InputSet } from "./input-set.ts";
import type { Executor } from "./validate.ts";

/** A half-precision value of the program whose magnitude comes near the end of the type's range, or passes it. */
export interface HalfRangeRow {
  readonly value: string;
  /** The input set in which it is largest. */
  readonly set: string;
  /** Null where it is not finite. */
  readonly maxAbsolute: number | null;
}

/** Half of what fp16 can hold, 65,504, but for a little: one doubling away from infinity. */
const NEAR_THE_END = 32_000;

/**
 * The fp16 values of a package that go above 32,000 when nothing is rounded, in program order.
 * @param sets the calls to try; one with real or long input says most
 * @throws ConversionError when the package cannot be read or run
 */
export async function halfRange(
  path: string,
  sets: readonly InputSet[],
  options: Omit<ExecuteOptions, "mode" | "watch"> = {},
  executor: Executor = execute,
): Promise<HalfRangeRow[]> {
  const rows: HalfRangeRow[] = [];
  for (const group of inGroups(innerValues(path, options.function).filter((v) => v.isHalf))) {
    const watch = group.map((v) => v.name);
    await using execution = await executor(path, { ...options, mode: "wide", watch });
    const largest = new Map<string, { readonly set: string; readonly max: number }>();
    for (const set of sets) {
      const { outputs } = await execution.run(set.inputs);
      for (const value of watch) {
        const max = maxAbsolute(outputs[value]);
        if (max > (largest.get(value)?.max ?? NEAR_THE_END)) largest.set(value, { set: set.name, max });
      }
    }
    for (const [value, { set, max }] of largest)
      rows.push({ value, set, maxAbsolute: Number.isFinite(max) ? max : null });
  }
  return rows;
}

/** Infinity for NaN too. */
function maxAbsolute(tensor: HostTensor | undefined): number {
  let max = 0;
  for (const v of tensor?.data ?? []) {
    if (Number.isNaN(v)) return Number.POSITIVE_INFINITY;
    max = Math.max(max, Math.abs(v));
  }
  return max;
}
