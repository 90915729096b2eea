// https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html#tensor-transformation
import type { Call } from "../call.ts";
import { addDims, type Dim, dimsText, floorDivDims, mulDims } from "../dim.ts";
import { ints, tensor, weight } from "../params.ts";
import { defineOp, result } from "../row.ts";
import { float } from "./domains.ts";
import { reshapedTo } from "./target-shape.ts";

type Pair = readonly [number, number];

/** The block's sizes, and the [[top, bottom], [left, right]] that is added or cut. */
function blocksOf(
  call: Call,
  edges: "paddings" | "crops",
): { readonly block: Pair; readonly edge: readonly [Pair, Pair] } {
  const [block, shape] = [call.ints("block_shape"), call.shape(edges)];
  if (call.rank("x") !== 4) call.refuse(`x has rank ${call.rank("x")}, expected 4`);
  if (block.length !== 2 || shape.length !== 2 || shape[0] !== 2 || shape[1] !== 2) {
    call.refuse(`block_shape [${block}] and ${edges} of shape ${dimsText(shape)}, expected two entries and [2, 2]`);
  }
  const [top, bottom, left, right] = call.ints(edges) as readonly [number, number, number, number];
  return {
    block: block as Pair,
    edge: [
      [top, bottom],
      [left, right],
    ],
  };
}

function divided(call: Call, size: Dim, by: number): Dim {
  if (typeof size === "number" && size % by !== 0) call.refuse(`${size} does not divide by ${by}`);
  return floorDivDims(size, by);
}

/** Blocks of pixels become examples: row i, column j of every block is example (i·block_w + j)·N + n. */
export const space_to_batch = defineOp("space_to_batch", {
  in: [tensor("x", "T")],
  options: [ints("block_shape"), weight("paddings", ["int32"])],
  domains: { T: float },
  half: "moves",
  infer(call) {
    const { dtype, shape } = call.type("x");
    const { block, edge } = blocksOf(call, "paddings");
    const [n, channels, ...sizes] = shape as [Dim, Dim, Dim, Dim];
    const parts = sizes.map((d, i) =>
      divided(call, addDims(d, (edge[i] as Pair)[0] + (edge[i] as Pair)[1]), block[i] as number),
    );
    return result(dtype, [mulDims(n, block[0] * block[1]), channels, ...parts]);
  },
  onnx(call) {
    const { block, edge } = blocksOf(call, "paddings");
    const [[top, bottom], [left, right]] = edge;
    const padded = call.node("Pad", [call.in("x"), call.int64s([0, 0, top, left, 0, 0, bottom, right])]);
    const [n, channels, h, w] = call.shape("x") as [Dim, Dim, Dim, Dim];
    const [rows, columns] = [
      divided(call, addDims(h, top + bottom), block[0]),
      divided(call, addDims(w, left + right), block[1]),
    ];
    const source = { name: call.in("x"), shape: call.shape("x") };
    const split = reshapedTo(call, padded, [n, channels, rows, block[0], columns, block[1]], source);
    const moved = call.node("Transpose", [split], { perm: [3, 5, 0, 1, 2, 4] });
    return reshapedTo(call, moved, [mulDims(n, block[0] * block[1]), channels, rows, columns], source);
  },
});

/** The inverse of `space_to_batch`, cutting where that one pads. */
export const batch_to_space = defineOp("batch_to_space", {
  in: [tensor("x", "T")],
  options: [ints("block_shape"), weight("crops", ["int32"])],
  domains: { T: float },
  half: "moves",
  infer(call) {
    const { dtype, shape } = call.type("x");
    const { block, edge } = blocksOf(call, "crops");
    const [n, channels, ...sizes] = shape as [Dim, Dim, Dim, Dim];
    const cut = sizes.map((d, i) =>
      addDims(mulDims(d, block[i] as number), -(edge[i] as Pair)[0] - (edge[i] as Pair)[1]),
    );
    return result(dtype, [divided(call, n, block[0] * block[1]), channels, ...cut]);
  },
  onnx(call) {
    const { block, edge } = blocksOf(call, "crops");
    const [n, channels, h, w] = call.shape("x") as [Dim, Dim, Dim, Dim];
    const batch = divided(call, n, block[0] * block[1]);
    const source = { name: call.in("x"), shape: call.shape("x") };
    const split = reshapedTo(call, call.in("x"), [...block, batch, channels, h, w], source);
    const moved = call.node("Transpose", [split], { perm: [2, 3, 4, 0, 5, 1] });
    const whole = reshapedTo(call, moved, [batch, channels, mulDims(h, block[0]), mulDims(w, block[1])], source);
    const [[top, bottom], [left, right]] = edge;
    return call.node("Pad", [whole, call.int64s([0, 0, -top, -left, 0, 0, -bottom, -right])]);
  },
});
