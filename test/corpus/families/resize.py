"""Resampling of images and moves between depth and space."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from coremltools.converters.mil.mil import Builder as mb

from case import (
    EVERY_OPSET,
    IOS15,
    IOS16,
    IOS17,
    IOS17_HALF,
    IOS18,
    IOS18_HALF,
    Case,
    mb_case,
    normal,
    torch_case,
)

# Sample positions of each mode for resizing `size` to `count`, from the documentation of MIL's resize_bilinear.
GRIDS: dict[str, Callable[[int, int], np.ndarray]] = {
    "STRICT_ALIGN_CORNERS": lambda size, count: np.arange(count) * (size - 1) / (count - 1),
    "ALIGN_CORNERS": lambda size, count: (
        np.arange(count) * (size - 1) / (count - 1) if count > 1 else np.array([(size - 1) / 2])
    ),
    "DEFAULT": lambda size, count: np.arange(count) * size / count,
    "UNALIGN_CORNERS": lambda size, count: (np.arange(count) + 0.5) * size / count - 0.5,
    "OFFSET_CORNERS": lambda size, count: (np.arange(count) + 0.5) * max(1, size - 1) / count,
}


def _interpolation(mode: str, size: int, count: int) -> torch.Tensor:
    """The matrix [count, size] that resizes an axis linearly."""
    positions = np.clip(GRIDS[mode](size, count), 0, size - 1)
    below = np.floor(positions).astype(int)
    above = np.minimum(below + 1, size - 1)
    matrix = np.zeros((count, size))
    np.add.at(matrix, (np.arange(count), below), 1 - (positions - below))
    np.add.at(matrix, (np.arange(count), above), positions - below)
    return torch.from_numpy(matrix.astype(np.float32))


def _bilinear(x: torch.Tensor, mode: str, height: int, width: int) -> torch.Tensor:
    return _interpolation(mode, x.shape[-2], height) @ x @ _interpolation(mode, x.shape[-1], width).T


def cases() -> Iterator[list[Case]]:
    yield from _nearest()
    yield from _bilinear_cases()
    yield from _depth_and_space()


def _nearest() -> Iterator[list[Case]]:
    image = {"x": normal(2, 3, 4, 5)}
    yield torch_case(
        "upsample_nearest_neighbor", "torch", lambda x: F.interpolate(x, scale_factor=2), image, EVERY_OPSET
    )
    yield mb_case(
        "upsample_nearest_neighbor",
        "integers",
        lambda x: mb.upsample_nearest_neighbor(x=x, scale_factor_height=3, scale_factor_width=2),
        lambda x: x.repeat_interleave(3, 2).repeat_interleave(2, 3),
        image,
    )
    yield mb_case(
        "upsample_nearest_neighbor",
        "fractions",
        lambda x: mb.upsample_nearest_neighbor(
            x=x, scale_factor_height=np.float32(1.5), scale_factor_width=np.float32(2.5)
        ),
        lambda x: F.interpolate(x, scale_factor=(1.5, 2.5)),
        {"x": normal(2, 3, 4, 6)},
        [IOS16, IOS18_HALF],
    )
    yield mb_case(
        "resize_nearest_neighbor",
        "integers",
        lambda x: mb.resize_nearest_neighbor(x=x, target_size_height=8, target_size_width=15),
        lambda x: F.interpolate(x, size=(8, 15)),
        image,
        [IOS15, IOS17_HALF],
    )


def _bilinear_cases() -> Iterator[list[Case]]:
    image = {"x": normal(2, 3, 4, 5)}
    for mode in GRIDS:
        for name, height, width in (("up", 7, 10), ("down", 3, 2), ("mixed", 9, 5)):
            yield mb_case(
                "resize_bilinear",
                f"{mode.lower()}_{name}",
                lambda x, mode=mode, height=height, width=width: mb.resize_bilinear(
                    x=x, target_size_height=height, target_size_width=width, sampling_mode=mode
                ),
                lambda x, mode=mode, height=height, width=width: _bilinear(x, mode, height, width),
                image,
                {"up": [IOS15, IOS17_HALF], "down": [IOS16], "mixed": [IOS18]}[name],
            )
    yield mb_case(
        "resize_bilinear",
        "align_corners_to_one",
        lambda x: mb.resize_bilinear(x=x, target_size_height=1, target_size_width=3, sampling_mode="ALIGN_CORNERS"),
        lambda x: _bilinear(x, "ALIGN_CORNERS", 1, 3),
        image,
        [IOS16],
    )
    for align in (True, False):
        suffix = "align" if align else "half_pixel"
        yield torch_case(
            "upsample_bilinear",
            f"torch_{suffix}",
            lambda x, align=align: F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=align),
            image,
            EVERY_OPSET if not align else [IOS15, IOS17_HALF],
        )
        yield mb_case(
            "upsample_bilinear",
            f"fractions_{suffix}",
            lambda x, align=align: mb.upsample_bilinear(
                x=x, scale_factor_height=np.float32(1.5), scale_factor_width=np.float32(2.5), align_corners=align
            ),
            lambda x, align=align: F.interpolate(x, size=(6, 15), mode="bilinear", align_corners=align),
            {"x": normal(2, 3, 4, 6)},
            [IOS16, IOS18_HALF],
        )
    yield mb_case(
        "upsample_bilinear",
        "asymmetric",
        lambda x: mb.upsample_bilinear(
            x=x, scale_factor_height=2, scale_factor_width=3, align_corners=False, half_pixel_centers=False
        ),
        lambda x: _bilinear(x, "DEFAULT", 8, 15),
        image,
        [IOS16, IOS17_HALF],
    )
    for mode in ("DEFAULT", "ALIGN_CORNERS", "UNALIGN_CORNERS", "OFFSET_CORNERS", "STRICT_ALIGN_CORNERS"):
        yield mb_case(
            "resize",
            f"linear_{mode.lower()}",
            lambda x, mode=mode: mb.resize(
                x=x, shape=[7, 3], resized_dims=np.uint32(2), interpolation_mode="LINEAR", sampling_mode=mode
            ),
            lambda x, mode=mode: _bilinear(x, mode, 7, 3),
            image,
            [IOS17, IOS18_HALF] if mode == "UNALIGN_CORNERS" else [IOS17],
        )


def _depth_and_space() -> Iterator[list[Case]]:
    yield torch_case("pixel_shuffle", "torch", lambda x: F.pixel_shuffle(x, 2), {"x": normal(2, 8, 3, 5)}, EVERY_OPSET)
    yield torch_case("pixel_shuffle", "factor3", lambda x: F.pixel_shuffle(x, 3), {"x": normal(1, 9, 2, 3)}, [IOS16])
    yield torch_case(
        "pixel_unshuffle", "torch", lambda x: F.pixel_unshuffle(x, 2), {"x": normal(2, 3, 4, 6)}, [IOS16, IOS18_HALF]
    )
    # Unlike pixel_shuffle, depth_to_space takes the block position from the slowest part of the channel index.
    yield mb_case(
        "depth_to_space",
        "block2",
        lambda x: mb.depth_to_space(x=x, block_size=2),
        lambda x: F.pixel_shuffle(x.reshape(2, 4, 3, 3, 5).transpose(1, 2).reshape(2, 12, 3, 5), 2),
        {"x": normal(2, 12, 3, 5)},
        [IOS15, IOS17_HALF],
    )
    yield mb_case(
        "space_to_depth",
        "block2",
        lambda x: mb.space_to_depth(x=x, block_size=2),
        lambda x: F.pixel_unshuffle(x, 2).reshape(2, 3, 4, 2, 3).transpose(1, 2).reshape(2, 12, 2, 3),
        {"x": normal(2, 3, 4, 6)},
        [IOS15, IOS17_HALF],
    )
