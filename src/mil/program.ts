import type { LazyTensor } from "../tensor/tensor.ts";
import type { Dim } from "./dim.ts";
import type { Target } from "./opset.ts";
import type { Type } from "./types.ts";

/** What a constant holds. `storage` remembers where a package kept it; a writer that finds none follows its own rule. */
export type Constant =
  | { readonly kind: "tensor"; readonly data: LazyTensor; readonly storage?: "blob" | "immediate" }
  | { readonly kind: "strings"; readonly values: readonly string[] };

/** A named value in a function: an input, a state, a constant or the result of a node. */
export class Value {
  name: string;
  type: Type;
  /** The integers an int32 scalar or vector is known to hold, in terms of lengths: `shape(x)` holds the shape of x. */
  content: readonly Dim[] | undefined;
  readonly constant: Constant | undefined;
  /** Bound in place on the wire instead of through a `const` op. */
  readonly literal: boolean;

  constructor(
    name: string,
    type: Type,
    more: { content?: readonly Dim[] | undefined; constant?: Constant | undefined; literal?: boolean } = {},
  ) {
    this.name = name;
    this.type = type;
    this.content = more.content;
    this.constant = more.constant;
    this.literal = more.literal ?? false;
  }
}

/** One value, or several for a tuple parameter such as `concat.values`. */
export type Argument = Value | readonly Value[];

/** One operation. `op` names a row of the table, or is `const`, whose output carries the constant. */
export interface Node {
  readonly op: string;
  /** For people: the wire's `name` attribute. */
  readonly name: string;
  /** By MIL parameter name, in wire order. */
  readonly inputs: ReadonlyMap<string, Argument>;
  readonly outputs: readonly Value[];
  readonly blocks: readonly Block[];
  /** Set where half precision would be wrong (image normalisation, for one): the precision pass leaves the node alone. */
  readonly keep?: "fp32";
}

/** A straight run of nodes. `inputs` is empty except in the blocks of `while_loop`. */
export interface Block {
  readonly inputs: readonly Value[];
  readonly nodes: readonly Node[];
  readonly outputs: readonly Value[];
}

/** A function of a program. States are inputs whose type is a state. */
export interface Func {
  readonly name: string;
  readonly target: Target;
  readonly inputs: readonly Value[];
  readonly body: Block;
}

/** An ML Program. `buildInfo` is the one program attribute that coremltools reads. */
export interface Program {
  readonly functions: ReadonlyMap<string, Func>;
  readonly buildInfo?: ReadonlyMap<string, string>;
}

export const argumentValues = (a: Argument): readonly Value[] => (a instanceof Value ? [a] : a);

/** Every node of a block and of the blocks inside it, in program order. */
export function* allNodes(block: Block): Generator<Node> {
  for (const node of block.nodes) {
    yield node;
    for (const inner of node.blocks) yield* allNodes(inner);
  }
}
