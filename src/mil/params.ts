import type { DType } from "../tensor/dtype.ts";
import type { Call } from "./call.ts";
import type { Dim } from "./dim.ts";
import type { Target, Versioned } from "./opset.ts";
import type { Value } from "./program.ts";

/** The dtypes a parameter takes: a list, or the letter of a domain that it shares with others of its row. */
export type Dtypes = readonly DType[] | string;
export type Literal = number | boolean | string | readonly number[] | readonly boolean[];

/**
 * A MIL parameter. `Arg` is what the builder's method takes for it; `Required` whether the method demands it.
 * On the wire every parameter with a default is written: Core ML refuses a program that leaves one out.
 */
export interface Param<Name extends string = string, Arg = unknown, Required extends boolean = boolean> {
  readonly name: Name;
  readonly dtypes: Versioned<Dtypes>;
  readonly form: "tensor" | "scalar" | "vector" | "tuple" | "list" | "state";
  readonly binding: "runtime" | "const" | "either";
  /** Absent: required. `null`: may be left out. Otherwise what is written when it is left out. */
  readonly default?: Literal | null | ((call: Call) => Literal);
  readonly since?: Target;
  readonly until?: Target;
  /** Only in the types. */
  readonly "~arg"?: readonly [Arg, Required];
}

interface Validity {
  readonly since?: Target;
  /** First target that no longer has the parameter. */
  readonly until?: Target;
}
type Name = string;

/** A tensor known only when the model runs (a constant is welcome too). A number stands for a scalar of fitting dtype. */
export const tensor = <const N extends Name>(
  name: N,
  dtypes: Versioned<Dtypes>,
  v: Validity = {},
): Param<N, Value | number, true> => ({
  name,
  dtypes,
  form: "tensor",
  binding: "either",
  ...v,
});
export const optionalTensor = <const N extends Name>(
  name: N,
  dtypes: Versioned<Dtypes>,
  v: Validity & { binding?: "const" | "either"; default?: (call: Call) => Literal } = {},
): Param<N, Value | undefined, false> => ({ name, dtypes, form: "tensor", binding: "either", default: null, ...v });
/** A tensor that must be constant. */
export const weight = <const N extends Name>(
  name: N,
  dtypes: Versioned<Dtypes>,
  v: Validity = {},
): Param<N, Value, true> => ({
  name,
  dtypes,
  form: "tensor",
  binding: "const",
  ...v,
});
export const tuple = <const N extends Name>(name: N, dtypes: Versioned<Dtypes>): Param<N, readonly Value[], true> => ({
  name,
  dtypes,
  form: "tuple",
  binding: "either",
});
export const state = <const N extends Name>(name: N): Param<N, Value, true> => ({
  name,
  dtypes: [],
  form: "state",
  binding: "runtime",
});
export const list = <const N extends Name>(name: N, dtypes: Dtypes): Param<N, Value, true> => ({
  name,
  dtypes,
  form: "list",
  binding: "either",
});

type Default<T> = T | null | ((call: Call) => T);
interface Scalar {
  <const N extends Name>(name: N): Param<N, number, true>;
  <const N extends Name>(name: N, value: Default<number>, v?: Validity): Param<N, number, false>;
}
const scalarOf =
  (form: "scalar" | "vector", dtypes: Dtypes, binding: "const" | "either" = "const") =>
  (name: string, value?: Default<Literal>, v: Validity = {}): Param<string, never, never> => ({
    name,
    dtypes,
    form,
    binding,
    ...(value === undefined ? {} : { default: value }),
    ...v,
  });

interface Vector<T> {
  <const N extends Name>(name: N): Param<N, readonly T[], true>;
  <const N extends Name>(name: N, value: Default<readonly T[]>, v?: Validity): Param<N, readonly T[], false>;
}
interface Flag {
  <const N extends Name>(name: N): Param<N, boolean, true>;
  <const N extends Name>(name: N, value: Default<boolean>, v?: Validity): Param<N, boolean, false>;
}
interface Word {
  <const N extends Name>(name: N): Param<N, string, true>;
  <const N extends Name>(name: N, value: Default<string>, v?: Validity): Param<N, string, false>;
}
export const int = scalarOf("scalar", ["int32"]) as Scalar;
export const uint = scalarOf("scalar", ["uint32"]) as Scalar;
export const ints = scalarOf("vector", ["int32"]) as Vector<number>;
export const flag = scalarOf("scalar", ["bool"]) as Flag;
export const flags = scalarOf("vector", ["bool"]) as Vector<boolean>;
export const word = scalarOf("scalar", ["string"]) as Word;

/** A constant scalar that follows a float domain (`epsilon`, `alpha`). */
export const real = <const N extends Name, D extends number | undefined = undefined>(
  name: N,
  dtypes: Versioned<Dtypes>,
  value?: D,
  v: Validity = {},
): Param<N, number, D extends number ? false : true> => ({
  name,
  dtypes,
  form: "scalar",
  binding: "const",
  ...(value === undefined ? {} : { default: value }),
  ...v,
});

/** An integer vector that may be computed while the model runs (`reshape.shape`); lengths are welcome in it. */
export const sizes = <const N extends Name>(
  name: N,
  dtypes: Versioned<Dtypes> = ["int32"],
): Param<N, Value | readonly Dim[], true> => ({
  name,
  dtypes,
  form: "vector",
  binding: "either",
});
/** An integer scalar that may be computed while the model runs. */
export const size = <const N extends Name>(
  name: N,
  dtypes: Versioned<Dtypes> = ["int32"],
): Param<N, Value | Dim, true> => ({
  name,
  dtypes,
  form: "scalar",
  binding: "either",
});
