"""Corners of quantize and dequantize: ties, both ends of the range, half precision, axes from the end."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from coremltools.converters.mil.mil import Builder as mb

from case import IOS17, IOS17_HALF, IOS18, IOS18_HALF, Case, floats, mb_case, normal

RANGES = {"int8": (-128, 127), "uint8": (0, 255)}
# Multiples of half a step of 1/4: every second one is a tie, and both ends lie beyond what 8 bits hold.
TIES = (np.arange(-300, 300, 3, dtype=np.float32) / 8).reshape(2, 4, 25)


def cases() -> Iterator[list[Case]]:
    for dtype, zero in (("int8", np.int8(-5)), ("int8", None), ("uint8", np.uint8(128)), ("uint8", None)):
        name = f"ties_{dtype}" + ("" if zero is None else "_zero_point")
        options = {"scale": np.float32(0.25), **({} if zero is None else {"zero_point": zero})}

        def steps(x: torch.Tensor, dtype: str = dtype, shift: int = int(zero or 0)) -> torch.Tensor:
            return torch.fake_quantize_per_tensor_affine(x, 0.25, shift, *RANGES[dtype])

        yield mb_case(
            "quantize",
            name,
            lambda x, dtype=dtype, options=options: mb.cast(
                x=mb.quantize(input=x, output_dtype=dtype, **options), dtype="int32"
            ),
            lambda x, steps=steps, shift=int(zero or 0): (steps(x) * 4 + shift).int(),
            {"x": TIES},
            [IOS17, IOS17_HALF],
        )
        yield mb_case(
            "dequantize",
            name,
            lambda x, dtype=dtype, options=options: mb.dequantize(
                input=mb.quantize(input=x, output_dtype=dtype, **options), **options
            ),
            lambda x, steps=steps: steps(x),
            {"x": TIES},
            [IOS17, IOS18_HALF],
        )
    scale, zero = floats([0.125, 0.25, 0.5, 1.0]), np.array([0, 17, 255, 128], np.uint8)
    for axis in (-1, -3):
        shape = (2, 3, 4) if axis == -1 else (4, 3, 2)

        def channels(x: torch.Tensor, axis: int = axis) -> torch.Tensor:
            return torch.fake_quantize_per_channel_affine(
                x, torch.from_numpy(scale), torch.from_numpy(zero.astype(np.int32)), axis % 3, 0, 255
            )

        yield mb_case(
            "dequantize",
            f"axis_{'last' if axis == -1 else 'first'}_from_the_end",
            lambda x, axis=axis: mb.dequantize(
                input=mb.quantize(input=x, scale=scale, zero_point=zero, axis=axis, output_dtype="uint8"),
                scale=scale,
                zero_point=zero,
                axis=axis,
            ),
            lambda x, channels=channels: channels(x),
            {"x": normal(*shape, scale=8)},
            [IOS17, IOS18, IOS18_HALF],
        )
