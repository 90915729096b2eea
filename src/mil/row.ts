import type { DType } from "../tensor/dtype.ts";
import type { LazyTensor } from "../tensor/tensor.ts";
import type { Call } from "./call.ts";
import type { Dim } from "./dim.ts";
import type { Folding } from "./folding.ts";
import type { Lowering } from "./lowering.ts";
import type { Target, Versioned } from "./opset.ts";
import type { Param } from "./params.ts";
import { type Type, tensorType } from "./types.ts";

/** What inference says of one result. `content`: the integers it holds, when they follow from known ones. */
export interface Result {
  readonly type: Type;
  readonly content?: readonly Dim[] | undefined;
}

export const result = (dtype: DType, shape: readonly Dim[], content?: readonly Dim[]): Result => ({
  type: tensorType(dtype, shape),
  content,
});

/**
 * An operation is one row; nothing about it lives anywhere else. Writer, reader, printer, verifier and executor read
 * the row and know no operation by name.
 */
export interface Row<
  In extends readonly Param[] = readonly Param[],
  Options extends readonly Param[] = readonly Param[],
  Many extends boolean = boolean,
> {
  readonly name: string;
  readonly since?: Target;
  /** Parameters given by position, the first being the value the method is called on. */
  readonly operands: In;
  /** Parameters given by name. */
  readonly options: Options;
  /** Shared dtype domains: every parameter of one letter has one dtype. */
  readonly domains?: Readonly<Record<string, Versioned<readonly DType[]>>>;
  /** Several results: the method returns an array. */
  readonly many: Many;
  /** How many blocks a node owns. */
  readonly blocks?: number;
  /** For constexpr ops: parameters are attributes of the node (iOS16's form), or literals bound in place (iOS18's). */
  readonly form?: Versioned<"attributes" | "literals">;
  /** Whether Core ML wants a parameter in place rather than through a `const` op, as coremltools writes it. */
  readonly literals?: readonly string[];
  /** The parameter in which one size may be -1, standing for what remains (`reshape.shape`). */
  readonly infersOpenSize?: string;
  /** Types of the results, from the types and known contents of the arguments. */
  infer(call: Call): readonly Result[];
  /** ONNX nodes that compute the same, in fp32 and int32; returns their result names, one per result. */
  readonly onnx?: (call: Lowering) => readonly string[];
  /** Instead of `onnx`, for constexpr ops: the results decoded, lazily. */
  readonly fold?: (call: Folding) => readonly LazyTensor[];
  /** What the precision pass must know. `moves`: results are copies of inputs, never newly rounded. `fp32`: not cast. */
  readonly half?: "moves" | "fp32";
}

type RowBody<In extends readonly Param[], Options extends readonly Param[], Many extends boolean> = Omit<
  Row<In, Options, Many>,
  "name" | "operands" | "options" | "many" | "infer" | "onnx" | "fold"
> & {
  readonly in: In;
  readonly options?: Options;
  readonly many?: Many;
  infer(call: Call): Result | readonly Result[];
} & (
    | { onnx(call: Lowering): string | readonly string[]; readonly fold?: never }
    | { readonly fold: (call: Folding) => readonly LazyTensor[]; readonly onnx?: never }
  );

/** Makes a row. `infer` and `onnx` may return one result without an array. */
export function defineOp<
  const In extends readonly Param[],
  const Options extends readonly Param[] = readonly [],
  const Many extends boolean = false,
>(name: string, body: RowBody<In, Options, Many>): Row<In, Options, Many> {
  const { in: operands, options, many, infer, onnx, fold, ...rest } = body;
  return {
    ...rest,
    name,
    operands,
    options: (options ?? []) as unknown as Options,
    many: (many ?? false) as Many,
    infer: (call) => [infer(call)].flat() as readonly Result[],
    ...(fold ? { fold } : { onnx: (call: Lowering) => [onnx(call)].flat() as readonly string[] }),
  };
}

export const paramsOf = (row: Row): readonly Param[] => [...row.operands, ...row.options];

/** Rows by name: the language a graph is written in. */
export type OpTable = Readonly<Record<string, Row>>;
