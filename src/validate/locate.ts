import type { Precision } from "../plan.ts";
import { type ExecuteOptions, type Execution, execute } from "../run/execute.ts";
import type { HostTensors } from "../run/host-tensor.ts";
import { compare } from "./compare.ts";
import { type InnerValue, inGroups, innerValues } from "./inner-values.ts";
import type { InputSet } from "./input-set.ts";
import type { Executor } from "./validate.ts";

/** Where a package leaves its reference. */
export interface DivergentValue {
  readonly value: string;
  readonly op: string;
  /** Of this value: root mean square of the difference over that of the reference; null when it has no number. */
  readonly relativeRms: number | null;
  /** The largest of the values before it. */
  readonly before: number;
}

/** Relative errors up to here are the precision's own noise. */
const noise: Readonly<Record<Precision, number>> = { float32: 1e-5, float16: 1e-2 };
/** How many times the largest error so far a jump is. */
const JUMP = 10;

/** A program whose inner values can be asked for. */
export interface Watchable {
  readonly values: readonly InnerValue[];
  /** Opens it with the values of these names added to its outputs. */
  open(watch: readonly string[]): Promise<Execution>;
}

/** @throws ConversionError when the package cannot be read */
export const watchPackage = (
  path: string,
  options: Omit<ExecuteOptions, "mode" | "watch"> = {},
  executor: Executor = execute,
): Watchable => ({
  values: innerValues(path, options.function),
  open: (watch) => executor(path, { ...options, mode: "rounded", watch }),
});

/**
 * The first value of a program, in its own order, whose relative error jumps against a reference: ten times what any
 * value before it had, above the noise of the precision, or not finite, or of another shape. Values are matched by name;
 * undefined when none jumps.
 * @throws ConversionError when one of the two cannot be run
 */
export async function locateDivergence(
  actual: Watchable,
  reference: Watchable,
  precision: Precision,
  set: InputSet,
): Promise<DivergentValue | undefined> {
  const known = new Set(reference.values.map((v) => v.name));
  const common = actual.values.filter((v) => known.has(v.name));
  const watched = async (program: Watchable, group: readonly InnerValue[]): Promise<HostTensors> => {
    await using execution = await program.open(group.map((v) => v.name));
    return (await execution.run(set.inputs)).outputs;
  };
  let before = 0;
  for (const group of inGroups(common)) {
    const expected = await watched(reference, group);
    const found = await watched(actual, group);
    for (const { name, op } of group) {
      const [a, e] = [found[name], expected[name]];
      if (!a || !e) continue;
      const { error, nan, infinite } = compare(name, a, e, { tolerance: () => ({ atol: 0, rule: "" }) });
      const relativeRms = nan + infinite > 0 ? null : (error?.relativeRms ?? (error?.maxAbsolute === 0 ? 0 : null));
      if (relativeRms === null || relativeRms > Math.max(noise[precision], JUMP * before))
        return { value: name, op, relativeRms, before };
      before = Math.max(before, relativeRms);
    }
  }
  return undefined;
}
