"""Scatters, non_zero, reversals, windows, blocks and activation quantisation."""

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
    Case,
    floats,
    integers,
    ints,
    mb_case,
    normal,
    torch_case,
    uniform,
)

REDUCTIONS: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "update": lambda old, new: new,
    "add": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "div": torch.div,
    "max": torch.maximum,
    "min": torch.minimum,
}


def cases() -> Iterator[list[Case]]:
    yield from _scatters()
    yield from _reversals()
    yield from _windows_and_blocks()
    yield from _like()
    yield from _quantize()


def _scattered(data: torch.Tensor, places: list[tuple[object, torch.Tensor]], mode: str) -> torch.Tensor:
    """Applies the updates one after the other."""
    result = data.clone()
    for place, update in places:
        result[place] = REDUCTIONS[mode](result[place], update)
    return result


def _scatters() -> Iterator[list[Case]]:
    for mode in REDUCTIONS:
        # Places repeat only where the order of the updates makes no difference.
        rows = ints([4, 1, 2]) if mode == "update" else ints([4, 1, 4])
        targets = EVERY_OPSET if mode in ("update", "add") else [IOS16, IOS17_HALF]
        yield mb_case(
            "scatter",
            mode,
            lambda data, indices, updates, mode=mode: mb.scatter(
                data=data, indices=indices, updates=updates, axis=1, mode=mode
            ),
            lambda data, indices, updates, mode=mode: _scattered(
                data, [((slice(None), int(row)), updates[:, i]) for i, row in enumerate(indices)], mode
            ),
            {"data": normal(2, 5, 3), "indices": rows, "updates": uniform(2, 3, 3, low=0.5, high=2)},
            targets,
        )
        yield mb_case(
            "scatter_nd",
            mode,
            lambda data, indices, updates, mode=mode: mb.scatter_nd(
                data=data, indices=indices, updates=updates, mode=mode
            ),
            lambda data, indices, updates, mode=mode: _scattered(
                data, [((int(row), int(column)), updates[i]) for i, (row, column) in enumerate(indices)], mode
            ),
            {"data": normal(3, 4, 2), "indices": ints([[0, 3], [2, 1]]), "updates": uniform(2, 2, low=0.5, high=2)},
            targets,
        )
        yield mb_case(
            "scatter_along_axis",
            mode,
            lambda data, indices, updates, mode=mode: mb.scatter_along_axis(
                data=data, indices=indices, updates=updates, axis=-1, mode=mode
            ),
            lambda data, indices, updates, mode=mode: _scattered(
                data,
                [((i, int(indices[i, j])), updates[i, j]) for i in range(3) for j in range(2)],
                mode,
            ),
            {
                "data": normal(3, 5),
                "indices": ints([[0, 4], [2, 1], [3, 0]]),
                "updates": uniform(3, 2, low=0.5, high=2),
            },
            targets,
        )
    yield mb_case(
        "scatter",
        "default_mode_int32",
        lambda data, indices, updates: mb.scatter(data=data, indices=indices, updates=updates),
        lambda data, indices, updates: data.index_add(0, indices, updates),
        {
            "data": integers(4, 3, low=-9, high=9),
            "indices": ints([2, 0, 2]),
            "updates": integers(3, 3, low=-9, high=9),
        },
        [IOS15, IOS17],
    )
    yield mb_case(
        "non_zero",
        "matrix",
        lambda x: mb.non_zero(x=mb.relu(x=x)),
        lambda x: torch.relu(x).nonzero(),
        {},
        [IOS15, IOS17_HALF],
        calls=[{"x": normal(3, 4)} for _ in range(2)],
    )


def _reversals() -> Iterator[list[Case]]:
    yield torch_case("reverse", "flip", lambda x: torch.flip(x, [0, 2]), {"x": normal(2, 3, 5)}, EVERY_OPSET)
    yield mb_case(
        "reverse",
        "all_axes",
        lambda x: mb.reverse(x=x),
        lambda x: x.flip(0, 1),
        {"x": integers(3, 5, low=-9, high=9)},
        [IOS16],
    )
    yield mb_case(
        "reverse_sequence",
        "runtime_lengths",
        lambda x, lengths: mb.reverse_sequence(x=x, lengths=lengths, seq_axis=1, batch_axis=0),
        lambda x, lengths: torch.stack(
            [torch.cat([row[:length].flip(0), row[length:]]) for row, length in zip(x, lengths.tolist(), strict=True)]
        ),
        {"x": normal(3, 5, 2), "lengths": ints([2, 5, 1])},
        [IOS15, IOS17_HALF],
    )


def _windows_and_blocks() -> Iterator[list[Case]]:
    yield mb_case(
        "sliding_windows",
        "stride2",
        lambda x: mb.sliding_windows(x=x, axis=1, size=3, stride=2),
        lambda x: x.unfold(1, 3, 2).movedim(-1, 2),
        {"x": normal(2, 8, 3)},
        EVERY_OPSET,
    )
    yield mb_case(
        "sliding_windows",
        "negative_axis",
        lambda x: mb.sliding_windows(x=x, axis=-1, size=4),
        lambda x: x.unfold(1, 4, 1),
        {"x": normal(2, 7)},
        [IOS16],
    )
    yield mb_case(
        "crop",
        "image",
        lambda x: mb.crop(x=x, crop_height=[1, 2], crop_width=[0, 3]),
        lambda x: x[:, :, 1:-2, :-3],
        {"x": normal(2, 3, 6, 7)},
        [IOS15, IOS17_HALF],
    )
    yield mb_case(
        "space_to_batch",
        "block2_padding",
        lambda x: mb.space_to_batch(x=x, block_shape=[2, 2], paddings=[[1, 1], [0, 2]]),
        lambda x: F.pad(x, (0, 2, 1, 1)).reshape(2, 3, 3, 2, 3, 2).permute(3, 5, 0, 1, 2, 4).reshape(8, 3, 3, 3),
        {"x": normal(2, 3, 4, 4)},
        [IOS15, IOS17_HALF],
    )
    yield mb_case(
        "batch_to_space",
        "block2_crops",
        lambda x: mb.batch_to_space(x=x, block_shape=[2, 2], crops=[[1, 0], [0, 2]]),
        lambda x: x.reshape(2, 2, 2, 3, 3, 3).permute(2, 3, 4, 0, 5, 1).reshape(2, 3, 6, 6)[:, :, 1:, :-2],
        {"x": normal(8, 3, 3, 3)},
        [IOS15, IOS17_HALF],
    )
    yield mb_case(
        "flatten2d",
        "axis2",
        lambda x: mb.flatten2d(x=x, axis=2),
        lambda x: x.reshape(6, 20),
        {"x": normal(2, 3, 4, 5)},
        [IOS15, IOS17_HALF],
    )


def _like() -> Iterator[list[Case]]:
    yield mb_case(
        "reshape_like",
        "two_references",
        lambda x, a, b: mb.reshape_like(
            x=x, ref_tensors=(a, b), begins=(0, 1), ends=(2, 0), end_masks=(False, True)
        ),
        lambda x, a, b: x.reshape(2, 3, 5, 6),
        {"x": normal(6, 30), "a": normal(2, 3, 1), "b": normal(1, 5, 6)},
        [IOS16, IOS17_HALF],
    )
    yield mb_case(
        "fill_like",
        "fp32",
        lambda x: mb.fill_like(ref_tensor=x, value=np.float32(1.5)),
        lambda x: torch.full_like(x, 1.5),
        {"x": normal(2, 5)},
        [IOS16, IOS17],
    )


def _quantize() -> Iterator[list[Case]]:
    """To 8 bits and back; ties round to even and values outside the range saturate."""
    for name, dtype, low, high, scale, zero, axis in (
        ("int8_scalar", "int8", -128, 127, np.float32(0.125), None, None),
        ("uint8_zero_point", "uint8", 0, 255, np.float32(0.25), np.uint8(100), None),
        ("int8_axis1", "int8", -128, 127, floats([0.125, 0.25, 0.03125]), np.array([3, -7, 0], np.int8), 1),
    ):
        given = {"scale": scale, "zero_point": zero, "axis": axis}
        options = {key: value for key, value in given.items() if value is not None}
        step = torch.tensor(scale).reshape((-1, 1) if axis == 1 else ())
        shift = torch.tensor(0 if zero is None else zero.astype(np.int32)).reshape((-1, 1) if axis == 1 else ())

        def levels(
            x: torch.Tensor,
            low: int = low,
            high: int = high,
            step: torch.Tensor = step,
            shift: torch.Tensor = shift,
        ) -> torch.Tensor:
            return torch.clamp(torch.round(x / step) + shift, low, high)

        yield mb_case(
            "quantize",
            name,
            lambda x, options=options, dtype=dtype: mb.cast(
                x=mb.quantize(input=x, output_dtype=dtype, **options), dtype="int32"
            ),
            lambda x, levels=levels: levels(x).int(),
            {"x": normal(2, 3, 5, scale=8)},
            [IOS17, IOS18],
        )
        yield mb_case(
            "dequantize",
            name,
            lambda x, options=options, dtype=dtype: mb.dequantize(
                input=mb.quantize(input=x, output_dtype=dtype, **options), **options
            ),
            lambda x, levels=levels, step=step, shift=shift: (levels(x) - shift) * step,
            {"x": normal(2, 3, 5, scale=8)},
            [IOS17, IOS18],
        )
