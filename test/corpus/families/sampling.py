"""Images read at points and in boxes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import coremltools as ct
import numpy as np
import torch
import torch.nn.functional as F
from coremltools.converters.mil.mil import Builder as mb

from case import (
    EVERY_OPSET,
    IOS15,
    IOS16,
    IOS16_HALF,
    IOS17,
    IOS17_HALF,
    IOS18,
    Case,
    floats,
    integers,
    ints,
    mb_case,
    normal,
    torch_case,
    uniform,
)

OLD_BOXES = (IOS15, IOS16)
FULL_OR_HALF = (IOS15, IOS17_HALF)


def cases() -> Iterator[list[Case]]:
    yield from _resample()
    yield from _affine()
    yield from _crop_resize()


def _resample() -> Iterator[list[Case]]:
    # In half precision the points are halves too: they lie on a grid of 1/64, which halves hold exactly up to 2.
    image = {"x": normal(2, 3, 5, 6), "at": uniform(2, 4, 3, 2, low=-1.6, high=1.6)}
    for mode in ("bilinear", "nearest"):
        for padding in ("zeros", "border", "reflection"):
            for align in (True, False):
                yield torch_case(
                    "resample",
                    f"torch_{mode}_{padding}_{'align' if align else 'edges'}",
                    lambda x, at, mode=mode, padding=padding, align=align: F.grid_sample(
                        x, at, mode=mode, padding_mode=padding, align_corners=align
                    ),
                    image,
                    EVERY_OPSET if mode == "bilinear" and padding == "zeros" else [IOS15, IOS17],
                )
    # Points in pixels, which lie beyond both edges; PyTorch takes them as shares of the image from edge to edge.
    pixels = {"x": normal(2, 3, 5, 6), "at": uniform(2, 4, 3, 2, low=-4, high=10)}
    extent = torch.tensor([6.0, 5.0])
    for padding, torch_padding, align in (
        ("constant", "zeros", False),
        ("border", "border", False),
        ("reflection", "reflection", True),
        ("symmetric", "reflection", False),
    ):
        yield mb_case(
            "resample",
            f"pixels_{padding}",
            lambda x, at, padding=padding: mb.resample(
                x=x,
                coordinates=at,
                sampling_mode="bilinear",
                padding_mode=padding,
                padding_value=np.float32(0.75),
                coordinates_mode="unnormalized",
                align_corners=False,
            ),
            lambda x, at, torch_padding=torch_padding, align=align: _padded_sample(
                x, 2 * at / (extent - 1) - 1 if align else (2 * at + 1) / extent - 1, torch_padding, align
            ),
            pixels,
            [IOS15, IOS17],
        )
    for align in (True, False):
        yield mb_case(
            "resample",
            f"zero_to_one_{'align' if align else 'edges'}",
            lambda x, at, align=align: mb.resample(
                x=x,
                coordinates=at,
                sampling_mode="bilinear",
                padding_mode="border",
                padding_value=np.float32(0),
                coordinates_mode="normalized_zero_to_one",
                align_corners=align,
            ),
            lambda x, at, align=align: F.grid_sample(x, 2 * at - 1, padding_mode="border", align_corners=align),
            {"x": normal(2, 3, 5, 6), "at": uniform(2, 4, 3, 2, low=-0.3, high=1.3)},
            [IOS16, IOS18],
        )
    yield mb_case(
        "resample",
        "integer_pixels",
        lambda x, at: mb.resample(
            x=x,
            coordinates=at,
            sampling_mode="nearest",
            padding_mode="constant",
            padding_value=np.float32(-1.5),
            coordinates_mode="unnormalized",
            align_corners=True,
        ),
        lambda x, at: torch.stack(
            [
                torch.stack(
                    [
                        image[:, y, column] if 0 <= y < 5 and 0 <= column < 6 else torch.full((3,), -1.5)
                        for column, y in points.reshape(-1, 2).tolist()
                    ],
                    -1,
                ).reshape(3, 4, 3)
                for image, points in zip(x, at, strict=True)
            ]
        ),
        {"x": normal(2, 3, 5, 6), "at": integers(2, 4, 3, 2, low=-2, high=8)},
        FULL_OR_HALF,
    )


def _padded_sample(x: torch.Tensor, at: torch.Tensor, padding: str, align: bool) -> torch.Tensor:
    """grid_sample in an image surrounded by 0.75 where the padding is zeros."""
    if padding != "zeros":
        return F.grid_sample(x, at, padding_mode=padding, align_corners=align)
    share = F.grid_sample(torch.ones_like(x), at, align_corners=align)
    return F.grid_sample(x, at, align_corners=align) + 0.75 * (1 - share)


def _affine() -> Iterator[list[Case]]:
    def sampled(x: torch.Tensor, theta: torch.Tensor) -> torch.Tensor:
        grid = F.affine_grid(theta.reshape(-1, 2, 3), [x.shape[0], 3, 4, 7], align_corners=True)
        return F.grid_sample(x, grid, align_corners=True)

    def transformed(x: object, theta: object) -> object:
        return mb.affine(
            x=x,
            transform_matrix=theta,
            output_height=4,
            output_width=7,
            sampling_mode="bilinear",
            padding_mode="constant",
            padding_value=np.float32(0),
            coordinates_mode="normalized_minus_one_to_one",
            align_corners=True,
        )

    image = normal(2, 3, 5, 6)
    matrices = floats([[0.75, 0.25, -0.125, -0.5, 1.25, 0.25], [1.0, 0.0, 0.5, 0.0, -1.0, 0.0]])
    yield mb_case("affine", "each", transformed, sampled, {"x": image, "theta": matrices}, EVERY_OPSET)
    yield mb_case(
        "affine",
        "shared",
        transformed,
        lambda x, theta: sampled(x, theta.expand(2, 6)),
        {"x": image, "theta": matrices[:1]},
        [IOS15, IOS18],
    )
    fixed = torch.from_numpy(matrices).reshape(2, 2, 3)
    yield torch_case("affine", "torch", lambda x: sampled(x, fixed), {"x": image}, FULL_OR_HALF)


# Distances of samples from the start of a box, by its length (last position minus first), from Core ML's definition of
# the sampling modes in NeuralNetwork.proto.
_OFFSETS: dict[str, Callable[[float, int], np.ndarray]] = {
    "STRICT_ALIGN_CORNERS": lambda length, count: np.arange(count) * length / max(1, count - 1),
    "ALIGN_CORNERS": lambda length, count: (
        np.arange(count) * length / (count - 1) if count > 1 else np.array([length / 2])
    ),
    "DEFAULT": lambda length, count: np.minimum(np.arange(count) * (length + 1) / count, length),
    "UNALIGN_CORNERS": lambda length, count: np.clip((np.arange(count) + 0.5) * (length + 1) / count - 0.5, 0, length),
    "OFFSET_CORNERS": lambda length, count: np.minimum((np.arange(count) + 0.5) * max(1, length) / count, length),
}


def _axis(start: float, end: float, mode: str, size: int, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The matrix [count, size] that reads an axis at the samples of a box, and which of them lie in the image."""
    at = start + _OFFSETS[mode](end - start, count)
    inside = (at >= 0) & (at <= size - 1)
    at = np.clip(at, 0, size - 1)
    below = np.minimum(np.floor(at).astype(int), size - 1)
    above = np.minimum(below + 1, size - 1)
    matrix = np.zeros((count, size))
    np.add.at(matrix, (np.arange(count), below), 1 - (at - below))
    np.add.at(matrix, (np.arange(count), above), at - below)
    return torch.from_numpy(matrix.astype(np.float32)), torch.from_numpy(inside)


def _crop(image: torch.Tensor, box: np.ndarray, mode: str, pad: float, height: int = 3, width: int = 4) -> torch.Tensor:
    """A box [first row, first column, last row, last column] of an image [C, H, W], resized."""
    rows, row_inside = _axis(box[0], box[2], mode, image.shape[-2], height)
    columns, column_inside = _axis(box[1], box[3], mode, image.shape[-1], width)
    return torch.where(row_inside[:, None] & column_inside, rows @ image @ columns.T, pad)


# First and last row, first and last column: inside, partly outside, inverted, a single point.
BOXES = floats([[0.5, 1.25, 3.5, 4.0], [-1.0, 2.0, 2.5, 6.5], [3.0, 4.5, 0.5, 0.25], [2.25, 3.5, 2.25, 3.5]])
_ORDERS = {
    "CORNERS_HEIGHT_FIRST": lambda b: b,
    "CORNERS_WIDTH_FIRST": lambda b: b[:, [1, 0, 3, 2]],
    "CENTER_SIZE_HEIGHT_FIRST": lambda b: np.concatenate([(b[:, :2] + b[:, 2:]) / 2, b[:, 2:] - b[:, :2]], 1),
    "CENTER_SIZE_WIDTH_FIRST": lambda b: np.concatenate(
        [(b[:, :2] + b[:, 2:]) / 2, b[:, 2:] - b[:, :2]], 1
    )[:, [1, 0, 3, 2]],
}


def _crop_resize() -> Iterator[list[Case]]:
    image = {"x": normal(2, 3, 5, 6)}
    one_image = {"x": normal(1, 3, 5, 6)}
    sizes = {"target_height": 3, "target_width": 4}
    scale = floats([4, 5, 4, 5])

    def all_images(x: torch.Tensor, mode: str, pad: float = 0.0) -> torch.Tensor:
        return torch.stack([torch.stack([_crop(image, box, mode, pad) for image in x]) for box in BOXES])

    for mode in (mode for mode in _OFFSETS if mode != "UNALIGN_CORNERS"):
        yield mb_case(
            "crop_resize",
            f"every_image_{mode.lower()}",
            lambda x, mode=mode: mb.crop_resize(x=x, roi=BOXES.reshape(4, 1, 4, 1, 1), **sizes, sampling_mode=mode),
            lambda x, mode=mode: all_images(x, mode),
            image,
            [*OLD_BOXES, IOS16_HALF] if mode == "ALIGN_CORNERS" else [IOS15],
        )
        yield mb_case(
            "crop_resize",
            f"boxes_{mode.lower()}",
            lambda x, mode=mode: mb.crop_resize(
                x=x, boxes=BOXES, box_indices=ints([0, 1, 1, 0]), **sizes, sampling_mode=mode, pad_value=np.float32(2.5)
            ),
            lambda x, mode=mode: torch.stack(
                [_crop(x[i], box, mode, 2.5) for i, box in zip([0, 1, 1, 0], BOXES, strict=True)]
            ),
            image,
            [IOS17, IOS17_HALF, IOS18] if mode == "ALIGN_CORNERS" else [IOS17],
        )
    # The resize_bilinear of the box, as BNNS defines it, for boxes whose first corner comes first.
    ordered = BOXES[[0, 1, 3]]
    yield mb_case(
        "crop_resize",
        "every_image_unalign_corners",
        lambda x: mb.crop_resize(x=x, roi=ordered.reshape(3, 1, 4, 1, 1), **sizes, sampling_mode="UNALIGN_CORNERS"),
        lambda x: torch.stack(
            [torch.stack([_crop(image, box, "UNALIGN_CORNERS", 0.0) for image in x]) for box in ordered]
        ),
        image,
        OLD_BOXES,
    )
    yield mb_case(
        "crop_resize",
        "boxes_unalign_corners",
        lambda x: mb.crop_resize(
            x=x, boxes=ordered, box_indices=ints([1, 0, 1]), **sizes, sampling_mode="UNALIGN_CORNERS"
        ),
        lambda x: torch.stack(
            [_crop(x[i], box, "UNALIGN_CORNERS", 0.0) for i, box in zip([1, 0, 1], ordered, strict=True)]
        ),
        image,
        [IOS17, IOS17_HALF, IOS18],
    )
    yield mb_case(
        "crop_resize",
        "whole_image_unalign_corners",
        lambda x: mb.crop_resize(
            x=x,
            boxes=floats([[0, 0, 1, 1]]),
            box_indices=ints([1]),
            **sizes,
            normalized_coordinates=True,
            sampling_mode="UNALIGN_CORNERS",
        ),
        lambda x: F.interpolate(x[1:], (3, 4), mode="bilinear"),
        image,
        [IOS17],
    )
    some = ct.RangeDim(lower_bound=1, upper_bound=4, default=2)
    yield mb_case(
        "crop_resize",
        "flexible_channels",
        lambda x: mb.crop_resize(x=x, roi=BOXES.reshape(4, 1, 4, 1, 1), **sizes, sampling_mode="ALIGN_CORNERS"),
        lambda x: all_images(x, "ALIGN_CORNERS"),
        {},
        [IOS15],
        shapes={"x": ct.Shape((some, some, 5, 6))},
        calls=[{"x": normal(2, 2, 5, 6)}, {"x": normal(1, 3, 5, 6)}],
    )
    for order, reordered in _ORDERS.items():
        boxes = reordered(BOXES).astype(np.float32)
        yield mb_case(
            "crop_resize",
            f"order_{order.lower()}",
            lambda x, order=order, boxes=boxes: mb.crop_resize(
                x=x, roi=boxes.reshape(4, 1, 4, 1, 1), **sizes, sampling_mode="ALIGN_CORNERS", box_coordinate_mode=order
            ),
            lambda x: all_images(x, "ALIGN_CORNERS"),
            image,
            [IOS15],
        )
    yield mb_case(
        "crop_resize",
        "pad_value",
        lambda x: mb.crop_resize(
            x=x, roi=BOXES.reshape(4, 1, 4, 1, 1), **sizes, sampling_mode="ALIGN_CORNERS", pad_value=np.float32(-3)
        ),
        lambda x: all_images(x, "ALIGN_CORNERS", -3.0),
        image,
        [IOS16],
    )
    with_index = np.concatenate([np.zeros((4, 1), np.float32), BOXES], 1).reshape(4, 1, 5, 1, 1)
    yield mb_case(
        "crop_resize",
        "image_index",
        lambda x: mb.crop_resize(x=x, roi=with_index, **sizes, sampling_mode="ALIGN_CORNERS"),
        lambda x: all_images(x, "ALIGN_CORNERS"),
        one_image,
        OLD_BOXES,
    )
    yield mb_case(
        "crop_resize",
        "normalized_computed_boxes",
        lambda x, boxes: mb.crop_resize(
            x=x, boxes=boxes, **sizes, normalized_coordinates=True, sampling_mode="ALIGN_CORNERS"
        ),
        lambda x, boxes: torch.stack(
            [
                _crop(image, box * scale, "ALIGN_CORNERS", 0.0)
                for image, box in zip(x, boxes.numpy(), strict=True)
            ]
        ),
        image | {"boxes": floats([[0.125, 0.25, 0.75, 0.875], [0.5, 0.0, 1.25, 1.0]])},
        [IOS17, IOS18],
    )
    yield mb_case(
        "crop_resize",
        "spatial_scale",
        lambda x: mb.crop_resize(
            x=x, boxes=BOXES * 4, box_indices=ints([0, 1, 1, 0]), **sizes, spatial_scale=0.25,
            sampling_mode="OFFSET_CORNERS",
        ),
        lambda x: torch.stack(
            [_crop(x[i], box, "OFFSET_CORNERS", 0.0) for i, box in zip([0, 1, 1, 0], BOXES, strict=True)]
        ),
        image,
        [IOS17],
    )
    yield mb_case(
        "crop_resize",
        "to_one",
        lambda x: mb.crop_resize(x=x, roi=BOXES.reshape(4, 1, 4, 1, 1), sampling_mode="ALIGN_CORNERS"),
        lambda x: torch.stack(
            [torch.stack([_crop(image, box, "ALIGN_CORNERS", 0.0, 1, 1) for image in x]) for box in BOXES]
        ),
        image,
        [IOS15],
    )
    # Apple's own test of iOS17's op holds the same numbers.
    apple = floats([[0.1, 0.3, 1.3, 1.0], [0.5, 1.8, 1.0, 0.3], [0.0, 0.4, 0.6, 0.7]])
    yield mb_case(
        "crop_resize",
        "known_values",
        lambda x: mb.crop_resize(
            x=x,
            boxes=apple,
            box_indices=ints([0, 0, 0]),
            target_height=2,
            target_width=2,
            normalized_coordinates=True,
            sampling_mode="ALIGN_CORNERS",
            pad_value=np.float32(10),
        ),
        lambda x: torch.tensor([3.1, 5.2, 10, 10, 10, 7.9, 10, 13.9, 2.2, 3.1, 9.4, 10.3]).reshape(3, 1, 2, 2),
        {"x": np.arange(1, 17, dtype=np.float32).reshape(1, 1, 4, 4)},
        [IOS17],
    )
