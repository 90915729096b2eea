// https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html#tensor-operation
// https://github.com/apple/coremltools/blob/9.0/mlmodel/format/NeuralNetwork.proto (`NonMaximumSuppressionLayerParams`)
import type { Call } from "../call.ts";
import { type Dim, dimsText } from "../dim.ts";
import type { Lowering } from "../lowering.ts";
import { flag, int, type Param, real, tensor } from "../params.ts";
import { defineOp, type Result, result } from "../row.ts";
import { float } from "./domains.ts";

/** Below every finite score: no box is rejected. */
const NO_THRESHOLD = -3.4028234663852886e38;

const hasBoxesLast = (call: Call): boolean => call.target !== "iOS15" && call.target !== "iOS16";

/** Gone from iOS17 on, so that the builder's types cannot demand it. */
const scoreThreshold = real("score_threshold", "T", undefined, { until: "iOS17" }) as Param;

/**
 * Boxes (centre x, centre y, width, height) in descending order of their best score, without those that overlap a better
 * one (of the same best class, with `per_class_suppression`) by more than `iou_threshold`. Results: boxes, scores, indices
 * and, until iOS16, how many there are, padded with 0, 0 and −1; where no score passes, the best box is kept. Boxes are
 * [n, B, 4] and scores [n, B, K], from iOS17 on [n, 4, B] and [n, K, B].
 */
export const non_maximum_suppression = defineOp("non_maximum_suppression", {
  in: [tensor("boxes", "T"), tensor("scores", "T")],
  options: [
    real("iou_threshold", "T"),
    scoreThreshold as Param<"score_threshold", number, false>,
    int("max_boxes"),
    flag("per_class_suppression", false),
  ],
  domains: { T: float },
  many: true,
  half: "fp32",
  infer(call): readonly Result[] {
    const [boxes, scores] = [call.type("boxes"), call.type("scores")];
    const [across, along] = hasBoxesLast(call) ? [1, 2] : [2, 1];
    const [batch, classes] = [boxes.shape[0], scores.shape[across]];
    if (batch === undefined || classes === undefined || boxes.shape[across] !== 4 || boxes.shape.length !== 3) {
      const expected = hasBoxesLast(call) ? "[n, 4, B] and [n, K, B]" : "[n, B, 4] and [n, B, K]";
      return call.refuse(`boxes ${dimsText(boxes.shape)} and scores ${dimsText(scores.shape)}, expected ${expected}`);
    }
    call.unify(scores.shape[0] as Dim, batch, "examples of boxes and of scores");
    call.unify(scores.shape[along] as Dim, boxes.shape[along] as Dim, "boxes and scores");
    const most = call.number("max_boxes");
    const of = (size: Dim): readonly Dim[] => (hasBoxesLast(call) ? [batch, size, most] : [batch, most, size]);
    const picked = [result(boxes.dtype, of(4)), result(scores.dtype, of(classes)), result("int32", [batch, most])];
    return hasBoxesLast(call) ? picked : [...picked, result("int32", [batch])];
  },
  onnx(call) {
    const turned = (x: string): string => call.node("Transpose", [x], { perm: [0, 2, 1] });
    const rows = (name: string): string => (hasBoxesLast(call) ? turned(call.in(name)) : call.in(name));
    const [boxes, scores] = [rows("boxes"), rows("scores")];
    const best = call.node("ReduceMax", [scores, call.int64s([2])], { keepdims: 0 });
    const kept = keptBoxes(call, boxes, scores, best);
    const most = call.number("max_boxes");
    const counted = call.node("ReduceSum", [call.cast(kept, "int64"), call.int64s([1])], { keepdims: 1 });
    const count = call.node("Min", [counted, call.int64(most)]);

    const never = call.float(Number.NEGATIVE_INFINITY);
    const ranked = call.node("Where", [kept, best, never]);
    // Fewer boxes than `max_boxes` leave nothing to rank: there are as many of the worst score behind them.
    const wide = call.node("Pad", [ranked, call.int64s([0, 0, 0, most]), never]);
    const [, order] = call.nodes("TopK", [wide, call.int64s([most])], { axis: 1, largest: 1, sorted: 1 }, 2);
    const isPicked = call.node("Less", [call.int64s(Array.from({ length: most }, (_, i) => i)), count]);
    const at = call.node("Where", [isPicked, order as string, call.int64(0)]);

    const pick = (x: string): string => {
      const picked = call.node("GatherND", [x, call.node("Unsqueeze", [at, call.int64s([2])])], { batch_dims: 1 });
      const padded = call.node("Where", [call.node("Unsqueeze", [isPicked, call.int64s([2])]), picked, call.float(0)]);
      return hasBoxesLast(call) ? turned(padded) : padded;
    };
    const indices = call.cast(call.node("Where", [isPicked, order as string, call.int64(-1)]), "int32");
    const results = [pick(boxes), pick(scores), indices];
    if (hasBoxesLast(call)) return results;
    return [...results, call.cast(call.node("Squeeze", [count, call.int64s([1])]), "int32")];
  },
});

/** Which boxes [n, B] survive; where none does, the one of the best score. */
function keptBoxes(call: Lowering, boxes: string, scores: string, best: string): string {
  const only = call.node("Unsqueeze", [best, call.int64s([1])]);
  const selected = call.node(
    "NonMaxSuppression",
    [
      boxes,
      call.flag("per_class_suppression") ? ofBestClass(call, scores, only) : only,
      call.int64s([call.number("max_boxes")]),
      call.floats([call.number("iou_threshold")]),
      call.floats([hasBoxesLast(call) ? NO_THRESHOLD : call.number("score_threshold")]),
    ],
    { center_point_box: 1 },
  );
  const where = call.node("Gather", [selected, call.int64s([0, 2])], { axis: 1 });
  const found = call.node("Shape", [selected], { start: 0, end: 1 });
  const none = call.node("Expand", [call.int64(0), call.node("Shape", [best])]);
  const marks = call.node("ScatterND", [none, where, call.node("Expand", [call.int64(1), found])]);
  const size = call.node("Shape", [best], { start: 1, end: 2 });
  const places = call.node("Range", [call.int64(0), call.node("Squeeze", [size]), call.int64(1)]);
  const isBest = call.node("Equal", [places, call.node("ArgMax", [best], { axis: 1, keepdims: 1 })]);
  const isEmpty = call.node("Equal", [
    call.node("ReduceMax", [marks, call.int64s([1])], { keepdims: 1 }),
    call.int64(0),
  ]);
  return call.node("Or", [call.cast(marks, "bool"), call.node("And", [isEmpty, isBest])]);
}

/** Scores [n, K, B], each box having one for the class of its best score only. */
function ofBestClass(call: Lowering, scores: string, best: string): string {
  const classOf = call.node("ArgMax", [scores], { axis: 2, keepdims: 0 });
  const size = call.node("Shape", [scores], { start: 2, end: 3 });
  const classes = call.node("Range", [call.int64(0), call.node("Squeeze", [size]), call.int64(1)]);
  const isOf = call.node("Equal", [
    call.node("Unsqueeze", [classOf, call.int64s([1])]),
    call.node("Unsqueeze", [classes, call.int64s([1])]),
  ]);
  return call.node("Where", [isOf, best, call.float(Number.NEGATIVE_INFINITY)]);
}
