import type { LazyTensor } from "../tensor/tensor.ts";
import { Call } from "./call.ts";
import type { Target } from "./opset.ts";
import type { Argument, Value } from "./program.ts";
import type { Row } from "./row.ts";
import { strict } from "./unify.ts";

/** What a constexpr row sees: its parameters as tensors, be they stored or decoded by another constexpr op. */
export class Folding extends Call {
  private readonly foldedOf: (value: Value) => LazyTensor | undefined;

  constructor(
    row: Row,
    target: Target,
    args: ReadonlyMap<string, Argument>,
    foldedOf: (value: Value) => LazyTensor | undefined,
  ) {
    super(row, target, args, [], strict());
    this.foldedOf = foldedOf;
  }

  tensor(name: string): LazyTensor {
    const value = this.value(name);
    if (value.constant?.kind === "tensor") return value.constant.data;
    return this.foldedOf(value) ?? this.refuse(`parameter '${name}' must be constant`);
  }
}
