import { allNodes, type Func, type Value } from "../../mil/program.ts";
import type { Precision } from "../../plan.ts";

const isHalf = ({ type }: Value): boolean => type.kind === "tensor" && type.dtype === "fp16";

/**
 * In what a function computes: float16 as soon as one value of it, an input, or a weight is a half. What was rounded
 * once is no more exact for being computed with in float32.
 */
export function measuredPrecision({ inputs, body }: Func): Precision {
  const values = [...allNodes(body)].flatMap((node) => (isScalarConst(node) ? [] : node.outputs));
  return [...inputs, ...values].some(isHalf) ? "float16" : "float32";
}

/** An epsilon in half precision says nothing about the rest. */
const isScalarConst = ({ op, outputs }: { readonly op: string; readonly outputs: readonly Value[] }): boolean =>
  op === "const" && outputs.every(({ type }) => type.kind === "tensor" && type.shape.length === 0);
