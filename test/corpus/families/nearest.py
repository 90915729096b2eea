"""Nearest-neighbour resizing of iOS17's resize, and the values Apple's own tests of that op hold."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from coremltools.converters.mil.mil import Builder as mb

from case import IOS17, IOS17_HALF, IOS18, IOS18_HALF, Case, floats, integers, ints, mb_case, normal

from .resize import GRIDS


def _nearest(x: torch.Tensor, mode: str, height: int, width: int) -> torch.Tensor:
    """No position lies half-way between two entries, so that every rule of rounding gives this."""
    rows, columns = (
        np.round(np.clip(GRIDS[mode](size, count), 0, size - 1)).astype(int)
        for size, count in ((x.shape[-2], height), (x.shape[-1], width))
    )
    return x[..., rows, :][..., columns]


def cases() -> Iterator[list[Case]]:
    for name, image in (("fp", normal(2, 3, 5, 7)), ("int32", integers(2, 3, 5, 7, low=-99, high=99))):
        for mode in ("STRICT_ALIGN_CORNERS", "ALIGN_CORNERS", "OFFSET_CORNERS", "UNALIGN_CORNERS"):
            yield mb_case(
                "resize",
                f"nearest_{mode.lower()}_{name}",
                lambda x, mode=mode: mb.resize(
                    x=x,
                    shape=[8, 4],
                    resized_dims=np.uint32(2),
                    interpolation_mode="NEAREST_NEIGHBOR",
                    sampling_mode=mode,
                ),
                lambda x, mode=mode: (
                    F.interpolate(x.float(), size=(8, 4), mode="nearest-exact").to(x.dtype)
                    if mode == "UNALIGN_CORNERS"
                    else _nearest(x, mode, 8, 4)
                ),
                {"x": image},
                [IOS17, IOS18_HALF] if name == "fp" else [IOS17],
            )
    # In mode DEFAULT the published grid rounded and the rule of other frameworks part: Apple's values hold for both.
    two = floats([-6.171875, 9.375])
    tripled = floats([-6.171875, -6.171875, 9.375, 9.375, 9.375, 9.375])
    options = {"resized_dims": np.uint32(2), "interpolation_mode": "NEAREST_NEIGHBOR", "sampling_mode": "DEFAULT"}
    yield mb_case(
        "resize",
        "nearest_default_known_values",
        lambda x: mb.resize(x=x, shape=[1, 1, 3, 2], **options),
        lambda x: torch.from_numpy(tripled).reshape(1, 1, 1, 3, 2),
        {"x": two.reshape(1, 1, 1, 2, 1)},
        [IOS17, IOS17_HALF, IOS18],
    )
    yield mb_case(
        "resize",
        "nearest_default_known_values_computed_shape",
        lambda x, shape: mb.resize(x=x, shape=shape, **options),
        lambda x, shape: torch.from_numpy(tripled).reshape(1, 1, 3, 2),
        {"x": two.reshape(1, 1, 2, 1), "shape": ints([1, 1, 3, 2])},
        [IOS17, IOS18],
    )
    linear = options | {"interpolation_mode": "LINEAR"}
    yield mb_case(
        "resize",
        "linear_default_known_values",
        lambda x: mb.resize(x=x, shape=[1, 1, 5], **linear),
        lambda x: torch.tensor([[[0, 0.4, 0.8, 1, 1]]]),
        {"x": floats([[[0, 1]]])},
        [IOS17],
    )
    yield mb_case(
        "resize",
        "linear_default_known_values_computed_shape",
        lambda x, shape: mb.resize(x=x, shape=shape, **linear),
        lambda x, shape: torch.tensor([[[[0, 0.4, 0.8, 1, 1]]]]),
        {"x": floats([[[[0, 1]]]]), "shape": ints([3, 1, 5])},
        [IOS17, IOS18],
    )
