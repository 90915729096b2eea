// https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html#control-flow

import { elementCount } from "../../tensor/dtype.ts";
import type { Call } from "../call.ts";
import { dimsText, isFixed } from "../dim.ts";
import { type OnnxSink, onnxTypeOf } from "../lowering.ts";
import { list, state, tensor, tuple } from "../params.ts";
import { defineOp, type Result } from "../row.ts";
import { equalShapes, type TensorType, type Type, typeText } from "../types.ts";

/** One of two blocks runs. Both see the values around them and give the same number and types of results. */
export const cond = defineOp("cond", {
  in: [tensor("pred", ["bool"])],
  blocks: 2,
  many: true,
  half: "fp32",
  infer(call): readonly Result[] {
    const [yes, no] = call.blocks;
    if (!yes || !no || yes.outputs.length !== no.outputs.length)
      return call.refuse("needs two blocks with as many outputs each");
    return yes.outputs.map((v, i) => {
      const other = no.outputs[i] as typeof v;
      if (v.type.kind !== "tensor" || other.type.kind !== "tensor") return call.refuse("blocks may only give tensors");
      const [a, b] = [v.type, other.type];
      if (a.dtype !== b.dtype || a.shape.length !== b.shape.length)
        call.refuse(`branches give ${typeText(a)} and ${typeText(b)}`);
      // A size on which the branches do not agree is known only when the model runs.
      const shape = a.shape.map(
        (d, n) => call.unifier.equal(d, b.shape[n] ?? 1) ?? call.unifier.fresh("branch", 0, Number.POSITIVE_INFINITY),
      );
      return { type: { ...a, shape } };
    });
  },
  onnx: (call) => {
    const scalar = call.in("pred");
    const outputs = call.blocks[0]?.outputs.length ?? 0;
    return call.nodes("If", [scalar], { then_branch: call.block(0), else_branch: call.block(1) }, outputs);
  },
});

/**
 * Runs its second block while the first gives true. Both take the loop's values; the second gives the next ones, of the
 * same types.
 */
export const while_loop = defineOp("while_loop", {
  in: [],
  options: [tuple("loop_vars", [])],
  blocks: 2,
  many: true,
  half: "fp32",
  infer(call): readonly Result[] {
    const [condition, body] = call.blocks;
    const before = call.values("loop_vars").map((v) => v.type);
    if (!condition || !body || body.outputs.length !== before.length || condition.outputs.length !== 1) {
      return call.refuse("needs a condition, and a body with as many outputs as loop_vars");
    }
    return before.map((type, i) => {
      for (const inner of [condition.inputs[i], body.inputs[i], body.outputs[i]]) {
        if (!inner || !isSameInLoop(call, type, inner.type, i)) {
          call.refuse(
            `loop value ${i} is ${typeText(type)} before the loop and ${inner ? typeText(inner.type) : "absent"} in it`,
          );
        }
      }
      return { type };
    });
  },
  onnx(call) {
    const first = call.ins("loop_vars");
    // A condition of one element is as good as a scalar in MIL, and not in ONNX.
    const goesOn = (values: readonly string[], into?: OnnxSink): string => {
      const [flag] = call.inline(0, values, into) as [string];
      const scalar = [flag, call.int64s([])];
      return (into ? into.node("Reshape", scalar, {}, 1)[0] : call.node("Reshape", scalar)) as string;
    };
    const types = call.values("loop_vars").map((v) => elementOf(v.type, (why) => call.refuse(why)));
    const scope = `${first.join()}:loop`;
    const values = types.map((t, i) => ({ name: `${scope}:${i}`, type: onnxTypeOf(t.dtype) }));
    const counter = { name: `${scope}:count`, type: "int64", isScalar: true } as const;
    const flag = { name: `${scope}:goes_on`, type: "bool", isScalar: true } as const;
    const body = call.subgraph([counter, flag, ...values], (inner) => {
      const next = call.inline(
        1,
        values.map((v) => v.name),
        inner,
      );
      return [goesOn(next, inner), ...next];
    });
    return call.nodes("Loop", ["", goesOn(first), ...first], { body }, first.length);
  },
});

/** Tensors of one dtype whose sizes agree, or lists of one type. */
function isSameInLoop(call: Call, before: Type, inside: Type, i: number): boolean {
  if (before.kind !== "tensor" || inside.kind !== "tensor") return typeText(before) === typeText(inside);
  if (before.dtype !== inside.dtype || before.shape.length !== inside.shape.length) return false;
  inside.shape.forEach((d, n) => call.unify(before.shape[n] ?? 1, d, `sizes of loop value ${i}`));
  return true;
}

/** What a loop's value is made of: a list runs as a tensor of its elements. */
function elementOf(type: Type, refuse: (why: string) => never): TensorType {
  if (type.kind === "tensor") return type;
  return type.kind === "list" ? type.element : refuse(`a ${type.kind} goes around the loop`);
}

export const read_state = defineOp("read_state", {
  in: [],
  options: [state("input")],
  half: "fp32",
  infer: (call) => ({ type: stateOf(call.value("input").type, (why) => call.refuse(why)) }),
  onnx: (call) => call.node("Identity", [call.in("input")]),
});

/** Has no result on the wire: whoever reads the state later sees `data`. */
export const write_state = defineOp("write_state", {
  in: [],
  options: [state("input"), tensor("data", [])],
  half: "fp32",
  many: true,
  infer(call) {
    const [of, data] = [stateOf(call.value("input").type, (why) => call.refuse(why)), call.type("data")];
    if (of.dtype !== data.dtype || !equalShapes(of.shape, data.shape))
      call.refuse(`the state is ${typeText(of)}, the data ${typeText(data)}`);
    return [];
  },
  onnx(call) {
    call.assign("input", call.in("data"));
    return [];
  },
});

function stateOf(type: { readonly kind: string }, refuse: (why: string) => never): TensorType {
  return type.kind === "state" ? (type as unknown as { readonly of: TensorType }).of : refuse("the input is no state");
}

/** Turns probabilities into the label of the largest and a dictionary of all. The results are made outside the graph. */
export const classify = defineOp("classify", {
  in: [tensor("probabilities", ["fp32"])],
  options: [list("classes", [])],
  literals: ["classes"],
  many: true,
  half: "fp32",
  infer(call): readonly Result[] {
    const [shape, classes] = [call.shape("probabilities"), call.value("classes").type];
    if (classes.kind !== "list") return call.refuse(`classes is ${typeText(classes)}, expected a list`);
    if (isFixed(shape) && classes.length !== undefined && elementCount(shape) !== classes.length) {
      call.refuse(`${classes.length} classes for probabilities of shape ${dimsText(shape)}`);
    }
    const label = classes.element.dtype;
    return [
      { type: { kind: "tensor", dtype: label, shape: [] } },
      { type: { kind: "dict", key: label, value: "fp64" } },
    ];
  },
  onnx: (call) => [call.in("probabilities"), call.in("probabilities")],
});
