"""Non-maximum suppression."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from coremltools.converters.mil.mil import Builder as mb

from case import IOS15, IOS15_HALF, IOS16, IOS17, IOS17_HALF, IOS18, Case, Target, distinct, floats, mb_case, uniform


def _overlap(a: torch.Tensor, b: torch.Tensor) -> float:
    """Intersection over union of two boxes (centre x, centre y, width, height)."""
    low = torch.maximum(a[:2] - a[2:] / 2, b[:2] - b[2:] / 2)
    high = torch.minimum(a[:2] + a[2:] / 2, b[:2] + b[2:] / 2)
    both = float((high - low).clamp(min=0).prod())
    return both / (float(a[2:].prod() + b[2:].prod()) - both)


def _suppressed(
    boxes: torch.Tensor,
    scores: torch.Tensor,
    iou_threshold: float,
    score_threshold: float,
    max_boxes: int,
    per_class: bool,
) -> list[torch.Tensor]:
    """The definition in Core ML's NeuralNetwork.proto for boxes [n, B, 4] and scores [n, B, K]."""
    out_boxes = torch.zeros(len(boxes), max_boxes, 4)
    out_scores = torch.zeros(len(boxes), max_boxes, scores.shape[2])
    out_indices = torch.full((len(boxes), max_boxes), -1)
    counts = torch.zeros(len(boxes), dtype=torch.int64)
    for n, (box, score) in enumerate(zip(boxes, scores, strict=True)):
        best, classes = score.max(1)
        kept: list[int] = []
        for i in best.argsort(descending=True).tolist():
            rivals = [k for k in kept if not per_class or classes[k] == classes[i]]
            if best[i] > score_threshold and all(_overlap(box[i], box[k]) <= iou_threshold for k in rivals):
                kept.append(i)
        kept = (kept or [int(best.argmax())])[:max_boxes]
        counts[n] = len(kept)
        out_boxes[n, : len(kept)], out_scores[n, : len(kept)] = box[kept], score[kept]
        out_indices[n, : len(kept)] = torch.tensor(kept)
    return [out_boxes, out_scores, out_indices, counts]


def _boxes_first(
    name: str,
    inputs: dict[str, object],
    targets: list[Target],
    iou: float,
    threshold: float,
    most: int,
    per_class: bool,
) -> list[Case]:
    return mb_case(
        "non_maximum_suppression",
        name,
        lambda boxes, scores: mb.non_maximum_suppression(
            boxes=boxes,
            scores=scores,
            iou_threshold=np.float32(iou),
            score_threshold=np.float32(threshold),
            max_boxes=most,
            per_class_suppression=per_class,
        ),
        lambda boxes, scores: _suppressed(boxes, scores, iou, threshold, most, per_class),
        inputs,
        targets,
    )


def _boxes_last(
    name: str, inputs: dict[str, object], targets: list[Target], iou: float, most: int, per_class: bool
) -> list[Case]:
    def expected(boxes: torch.Tensor, scores: torch.Tensor) -> list[torch.Tensor]:
        rows = _suppressed(boxes.transpose(1, 2), scores.transpose(1, 2), iou, -np.inf, most, per_class)
        return [rows[0].transpose(1, 2), rows[1].transpose(1, 2), rows[2]]

    return mb_case(
        "non_maximum_suppression",
        name,
        lambda boxes, scores: mb.non_maximum_suppression(
            boxes=boxes,
            scores=scores,
            iou_threshold=np.float32(iou),
            max_boxes=most,
            per_class_suppression=per_class,
        ),
        expected,
        inputs,
        targets,
    )


def cases() -> Iterator[list[Case]]:
    one_class = {"boxes": uniform(2, 12, 4, low=1, high=4), "scores": distinct(2, 12, 1)}
    classes = {"boxes": uniform(2, 12, 4, low=1, high=4), "scores": distinct(2, 12, 3)}
    yield _boxes_first("one_class", one_class, [IOS15, IOS15_HALF, IOS16], 0.3, -0.5, 8, False)
    yield _boxes_first("cut_off", one_class, [IOS15], 0.6, -10.0, 3, False)
    yield _boxes_first("none_passes", one_class, [IOS15], 0.3, 100.0, 4, False)
    yield _boxes_first("more_than_boxes", one_class, [IOS16], 0.3, -10.0, 20, False)
    yield _boxes_first("across_classes", classes, [IOS15], 0.3, 0.25, 8, False)
    yield _boxes_first("per_class", classes, [IOS15, IOS16], 0.3, 0.25, 8, True)
    columns = {"boxes": uniform(2, 4, 12, low=1, high=4), "scores": distinct(2, 1, 12)}
    class_columns = {"boxes": uniform(2, 4, 12, low=1, high=4), "scores": distinct(2, 3, 12)}
    yield _boxes_last("boxes_last", columns, [IOS17, IOS17_HALF, IOS18], 0.3, 8, False)
    yield _boxes_last("boxes_last_across_classes", class_columns, [IOS17], 0.3, 20, False)
    yield _boxes_last("boxes_last_per_class", class_columns, [IOS17, IOS18], 0.3, 12, True)
    # Apple's own test of iOS14's op holds the same numbers: a box without area, and one below the threshold.
    yield mb_case(
        "non_maximum_suppression",
        "known_values",
        lambda boxes, scores: mb.non_maximum_suppression(
            boxes=boxes,
            scores=scores,
            iou_threshold=np.float32(0.2),
            score_threshold=np.float32(0.4),
            max_boxes=2,
            per_class_suppression=True,
        ),
        lambda boxes, scores: [
            torch.tensor([[[1.0, 1, 1, 1], [2, 2, 2, 2]]]),
            torch.tensor([[[9.4], [2.3]]]),
            torch.tensor([[1, 2]]),
            torch.tensor([2]),
        ],
        {
            "boxes": floats([[[0, 0, 0, 0], [1, 1, 1, 1], [2, 2, 2, 2], [3, 3, 3, 3]]]),
            "scores": floats([[[-3.5], [9.4], [2.3], [0.7]]]),
        },
        [IOS15],
    )
