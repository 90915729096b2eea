import { readPackage } from "../coreml/read-package.ts";
import { ops } from "../mil/ops/index.ts";
import type { Func } from "../mil/program.ts";
import { isFloat } from "../tensor/dtype.ts";

/** A float computed inside a function: what can be watched while it runs. */
export interface InnerValue {
  readonly name: string;
  readonly op: string;
  readonly isHalf: boolean;
}

/** The floats a function computes, in program order; those inside blocks of control flow are left out. */
export const innerValuesOf = ({ body }: Func): InnerValue[] =>
  body.nodes.flatMap(({ op, outputs }) =>
    op === "const"
      ? []
      : outputs.flatMap(({ name, type }) =>
          type.kind === "tensor" && isFloat(type.dtype) ? [{ name, op, isHalf: type.dtype === "fp16" }] : [],
        ),
  );

/**
 * Those of a function of a package.
 * @param name the package's default where it is left out
 * @throws ConversionError when the package cannot be read
 */
export function innerValues(path: string, name?: string): InnerValue[] {
  using model = readPackage(path, ops);
  const func = model.program.functions.get(name ?? model.defaultFunction);
  return func ? innerValuesOf(func) : [];
}

/** Values watched in one run: each becomes an output of the graph and stays in memory until the run ends. */
const AT_ONCE = 100;

export const inGroups = <T>(values: readonly T[]): T[][] =>
  Array.from({ length: Math.ceil(values.length / AT_ONCE) }, (_, i) => values.slice(i * AT_ONCE, (i + 1) * AT_ONCE));
