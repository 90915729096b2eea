"""Layout (reshape, axes, transpose, concat, split, tile, pad) and creation (shape, fill, range_1d)."""

from __future__ import annotations

from collections.abc import Iterator

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
    IOS18_HALF,
    Case,
    floats,
    integers,
    ints,
    mb_case,
    normal,
    torch_case,
)

LENGTH = ct.RangeDim(lower_bound=1, upper_bound=9, default=4)


def flexible(*dims: int | None) -> dict[str, ct.Shape]:
    """A shape for input ``x`` in which ``None`` is the flexible length."""
    return {"x": ct.Shape(shape=tuple(LENGTH if dim is None else dim for dim in dims))}


def cases() -> Iterator[list[Case]]:
    yield from _reshape()
    yield from _concat_stack_split()
    yield from _axes()
    yield from _tile_pad()
    yield from _creation()


def _reshape() -> Iterator[list[Case]]:
    yield torch_case("reshape", "static", lambda x: x.reshape(3, 10), {"x": normal(2, 3, 5)}, EVERY_OPSET)
    yield torch_case("reshape", "minus_one", lambda x: x.reshape(2, -1), {"x": normal(2, 3, 5)})
    yield torch_case("reshape", "to_vector", lambda x: x.reshape(-1), {"x": integers(3, 1, 7, low=-9, high=9)}, [IOS16])
    yield torch_case(
        "reshape",
        "split_heads",
        lambda x: x.reshape(x.shape[0], x.shape[1], 2, 3).permute(0, 2, 1, 3),
        {},
        [IOS15, IOS16_HALF, IOS18],
        shapes=flexible(2, None, 6),
        calls=[{"x": normal(2, n, 6)} for n in (4, 1, 9)],
    )
    yield torch_case(
        "reshape",
        "flatten_dynamic",
        lambda x: x.reshape(x.shape[0] * x.shape[1], 3),
        {},
        [IOS16, IOS17_HALF],
        shapes=flexible(2, None, 3),
        calls=[{"x": normal(2, n, 3)} for n in (4, 7)],
    )
    yield mb_case(
        "reshape",
        "zeros",
        lambda x: mb.reshape(x=x, shape=[0, 0, -1]),
        lambda x: x.reshape(2, 3, 20),
        {"x": normal(2, 3, 20)},
        [IOS15, IOS17_HALF],
        keep_all_ops=True,
    )
    yield mb_case(
        "reshape",
        "zeros_align_right",
        lambda x: mb.reshape(x=x, shape=[1, 0, -1, 0]),
        lambda x: x.reshape(1, 1, 2, 50),
        {"x": normal(2, 50)},
        [IOS17, IOS18_HALF],
        keep_all_ops=True,
    )
    yield mb_case(
        "reshape",
        "bool",
        lambda x: mb.reshape(x=mb.greater(x=x, y=np.float32(0)), shape=[6, -1]),
        lambda x: (x > 0).reshape(6, 2),
        {"x": normal(3, 4)},
        [IOS15, IOS18_HALF],
    )


def _concat_stack_split() -> Iterator[list[Case]]:
    pair = {"a": normal(2, 3, 4), "b": normal(2, 5, 4)}
    same = {"a": normal(2, 3, 4), "b": normal(2, 3, 4)}
    yield torch_case("concat", "axis1", lambda a, b: torch.cat([a, b], 1), pair, EVERY_OPSET)
    yield torch_case("concat", "negative_axis", lambda a, b, c: torch.cat([a, b, c], -1), same | {"c": normal(2, 3, 1)})
    yield torch_case(
        "concat",
        "int32",
        lambda a, b: torch.cat([a, b], 0),
        {"a": integers(1, 3, low=-5, high=5), "b": integers(2, 3, low=-5, high=5)},
        [IOS16],
    )
    yield mb_case(
        "concat",
        "repeated_value",
        lambda a: mb.concat(values=[a, a], axis=-2),
        lambda a: torch.cat([a, a], 1),
        {"a": normal(2, 3, 4)},
    )
    for axis in (0, 1, 2):
        # Interleaving takes one slice of each value in turn: a0 b0 a1 b1 …
        yield mb_case(
            "concat",
            f"interleave_axis{axis}",
            lambda a, b, axis=axis: mb.concat(values=[a, b], axis=axis, interleave=True),
            lambda a, b, axis=axis: torch.stack([a, b], axis + 1).flatten(axis, axis + 1),
            same,
            [IOS15, IOS17_HALF] if axis == 1 else [IOS16],
        )
    yield mb_case(
        "concat",
        "scalars",
        lambda x: mb.concat(
            values=[mb.gather(x=mb.shape(x=x), indices=1, axis=0), mb.gather(x=mb.shape(x=x), indices=0, axis=0)],
            axis=0,
        ),
        lambda x: torch.tensor([x.shape[1], x.shape[0]]),
        {},
        [IOS15, IOS17],
        shapes=flexible(2, None),
        calls=[{"x": normal(2, n)} for n in (4, 6)],
    )
    yield mb_case(
        "concat",
        "bool",
        lambda a, b: mb.concat(values=[mb.greater(x=a, y=b), mb.less(x=a, y=b)], axis=1),
        lambda a, b: torch.cat([a > b, a < b], 1),
        same,
        [IOS16, IOS18_HALF],
    )
    yield torch_case(
        "concat",
        "flexible",
        lambda a, b: torch.cat([a, b], 1),
        {},
        [IOS16, IOS17_HALF],
        shapes={name: ct.Shape(shape=(2, ct.RangeDim(1, 9, default=3), 4)) for name in ("a", "b")},
        calls=[{"a": normal(2, n, 4), "b": normal(2, m, 4)} for n, m in ((3, 3), (1, 5))],
    )
    yield torch_case("stack", "axis0", lambda a, b: torch.stack([a, b]), same, EVERY_OPSET)
    yield torch_case("stack", "axis2", lambda a, b, c: torch.stack([a, b, c], 2), same | {"c": normal(2, 3, 4)})
    yield mb_case(
        "stack",
        "negative_axis",
        lambda a, b: mb.stack(values=[a, b], axis=-1),
        lambda a, b: torch.stack([a, b], -1),
        {"a": integers(3, 5, low=-9, high=9), "b": integers(3, 5, low=-9, high=9)},
        [IOS15, IOS18],
    )
    yield mb_case(
        "stack",
        "scalars",
        lambda x: mb.stack(values=[mb.reduce_sum(x=x, axes=[0, 1]), mb.reduce_max(x=x, axes=[0, 1])], axis=0),
        lambda x: torch.stack([x.sum(), x.max()]),
        {"x": normal(3, 5)},
        [IOS16, IOS17_HALF],
    )
    yield torch_case("split", "sizes", lambda x: torch.split(x, [1, 4, 2], 1), {"x": normal(2, 7, 3)}, EVERY_OPSET)
    yield torch_case("split", "chunk", lambda x: torch.chunk(x, 3, -1), {"x": normal(2, 5, 6)})
    yield mb_case(
        "split",
        "num_splits",
        lambda x: mb.split(x=x, num_splits=3, axis=0),
        lambda x: x.split(2, 0),
        {"x": normal(6, 5)},
        [IOS15, IOS16_HALF],
    )
    yield mb_case(
        "split",
        "num_splits_and_sizes",
        lambda x: mb.split(x=x, num_splits=2, split_sizes=[3, 1], axis=-2),
        lambda x: x.split([3, 1], 1),
        {"x": integers(2, 4, 3, low=-9, high=9)},
        [IOS16, IOS18],
    )
    yield mb_case(
        "split",
        "flexible",
        lambda x: mb.split(x=x, num_splits=2, axis=2),
        lambda x: x.chunk(2, 2),
        {},
        [IOS17, IOS16_HALF],
        shapes=flexible(1, None, 8),
        calls=[{"x": normal(1, n, 8)} for n in (4, 1)],
    )


def _axes() -> Iterator[list[Case]]:
    yield torch_case("expand_dims", "first", lambda x: x.unsqueeze(0), {"x": normal(3, 5)}, EVERY_OPSET)
    yield torch_case("expand_dims", "negative", lambda x: x.unsqueeze(-1), {"x": normal(3, 5)})
    yield mb_case(
        "expand_dims",
        "several",
        lambda x: mb.expand_dims(x=x, axes=[0, 2, -1]),
        lambda x: x.reshape(1, 3, 1, 5, 1),
        {"x": integers(3, 5, low=-9, high=9)},
        [IOS15, IOS17],
    )
    yield torch_case("squeeze", "one", lambda x: x.squeeze(1), {"x": normal(3, 1, 5)}, EVERY_OPSET)
    yield mb_case(
        "squeeze",
        "several",
        lambda x: mb.squeeze(x=x, axes=[0, -2]),
        lambda x: x.reshape(3, 5),
        {"x": normal(1, 3, 1, 5)},
    )
    yield mb_case(
        "squeeze",
        "all",
        lambda x: mb.squeeze(x=x),
        lambda x: x.squeeze(),
        {"x": normal(1, 3, 1, 5)},
        [IOS15, IOS18_HALF],
    )
    yield torch_case("transpose", "heads", lambda x: x.permute(0, 2, 1, 3), {"x": normal(2, 3, 4, 5)}, EVERY_OPSET)
    yield torch_case("transpose", "last_two", lambda x: x.transpose(-1, -2), {"x": normal(2, 3, 5)})
    yield mb_case(
        "transpose",
        "negative_perm",
        lambda x: mb.transpose(x=x, perm=[-1, 0, -2]),
        lambda x: x.permute(2, 0, 1),
        {"x": integers(2, 3, 5, low=-9, high=9)},
        [IOS16, IOS18],
    )
    yield torch_case("transpose", "rank5", lambda x: x.permute(4, 2, 0, 3, 1), {"x": normal(1, 2, 3, 2, 5)}, [IOS17])
    yield mb_case(
        "identity", "fp32", lambda x: mb.identity(x=x), lambda x: x, {"x": normal(2, 5)}, EVERY_OPSET, keep_all_ops=True
    )
    yield mb_case(
        "identity",
        "int32",
        lambda x: mb.identity(x=x),
        lambda x: x,
        {"x": integers(2, 5, low=-9, high=9)},
        [IOS16],
        keep_all_ops=True,
    )


def _tile_pad() -> Iterator[list[Case]]:
    yield torch_case("tile", "repeat", lambda x: x.repeat(2, 1, 3), {"x": normal(2, 3, 5)}, EVERY_OPSET)
    yield torch_case("tile", "expand", lambda x: x.expand(4, 3, 5), {"x": normal(1, 3, 5)})
    yield torch_case("tile", "int32", lambda x: x.repeat(1, 2), {"x": integers(3, 5, low=-9, high=9)}, [IOS18])
    yield mb_case(
        "tile",
        "dynamic_reps",
        lambda x: mb.tile(x=x, reps=mb.shape(x=x)),
        lambda x: x.repeat(*x.shape),
        {},
        [IOS16, IOS17_HALF],
        shapes=flexible(2, None),
        calls=[{"x": normal(2, n)} for n in (4, 3)],
    )
    yield torch_case("pad", "constant", lambda x: F.pad(x, (1, 2), value=0.0), {"x": normal(2, 3, 5)}, EVERY_OPSET)
    yield torch_case("pad", "constant_2d", lambda x: F.pad(x, (1, 2, 3, 0), value=-1.5), {"x": normal(2, 3, 4, 5)})
    yield torch_case("pad", "reflect", lambda x: F.pad(x, (2, 1, 1, 3), mode="reflect"), {"x": normal(2, 3, 4, 5)})
    yield torch_case("pad", "replicate", lambda x: F.pad(x, (2, 1, 0, 3), mode="replicate"), {"x": normal(2, 3, 4, 5)})
    yield torch_case("pad", "reflect_1d", lambda x: F.pad(x, (3, 4), mode="reflect"), {"x": normal(2, 3, 5)}, [IOS16])
    yield torch_case(
        "pad", "replicate_1d", lambda x: F.pad(x, (6, 1), mode="replicate"), {"x": normal(2, 3, 5)}, [IOS17]
    )
    yield mb_case(
        "pad",
        "all_dims",
        lambda x: mb.pad(x=x, pad=[1, 0, 0, 2, 1, 1], constant_val=2.0),
        lambda x: F.pad(x, (1, 1, 0, 2, 1, 0), value=2.0),
        {"x": normal(2, 3, 5)},
        [IOS15, IOS18_HALF],
    )
    yield mb_case(
        "pad",
        "dynamic_amount",
        lambda x, pad: mb.pad(x=x, pad=pad, constant_val=0.0),
        lambda x, pad: F.pad(x, (int(pad[2]), int(pad[3]), int(pad[0]), int(pad[1]))),
        {"x": normal(3, 5), "pad": ints([1, 0, 2, 3])},
        [IOS15, IOS17],
    )


def _creation() -> Iterator[list[Case]]:
    yield mb_case(
        "shape",
        "flexible",
        lambda x: mb.shape(x=x),
        lambda x: torch.tensor(x.shape),
        {},
        [IOS15, IOS16, IOS17, IOS18],
        shapes=flexible(2, None, 3),
        calls=[{"x": normal(2, n, 3)} for n in (4, 1, 9)],
    )
    yield torch_case(
        "shape",
        "length_as_value",
        lambda x: x + x.shape[1],
        {},
        [IOS16, IOS17_HALF],
        shapes=flexible(2, None),
        calls=[{"x": normal(2, n)} for n in (4, 7)],
    )
    yield torch_case(
        "fill",
        "full_dynamic",
        lambda x: torch.full((2, x.shape[1]), 1.5) * x.mean(),
        {},
        [IOS15, IOS16_HALF, IOS17, IOS18_HALF],
        shapes=flexible(2, None),
        calls=[{"x": normal(2, n)} for n in (4, 7)],
    )
    yield mb_case(
        "fill",
        "int32",
        lambda x: mb.fill(shape=mb.shape(x=x), value=-3),
        lambda x: torch.full(tuple(x.shape), -3),
        {},
        [IOS15, IOS17],
        shapes=flexible(3, None),
        calls=[{"x": normal(3, n)} for n in (4, 2)],
    )
    yield mb_case(
        "fill",
        "bool",
        lambda x: mb.fill(shape=mb.shape(x=x), value=True),
        lambda x: torch.ones(tuple(x.shape), dtype=torch.bool),
        {},
        [IOS16],
        shapes=flexible(3, None),
        calls=[{"x": normal(3, n)} for n in (4, 2)],
    )
    yield mb_case(
        "range_1d",
        "positions",
        lambda x: mb.range_1d(start=0, end=mb.gather(x=mb.shape(x=x), indices=1, axis=0), step=1),
        lambda x: torch.arange(x.shape[1]),
        {},
        [IOS15, IOS16, IOS17, IOS18],
        shapes=flexible(2, None),
        calls=[{"x": normal(2, n)} for n in (4, 1, 9)],
    )
    yield torch_case(
        "range_1d",
        "causal_mask",
        lambda x: (torch.arange(x.shape[1])[None, :] <= torch.arange(x.shape[1])[:, None]) * x,
        {},
        [IOS16, IOS17_HALF],
        shapes=flexible(1, None),
        calls=[{"x": normal(1, n)} for n in (4, 1, 6)],
    )
    yield mb_case(
        "range_1d",
        "negative_step",
        lambda x: mb.range_1d(start=mb.squeeze(x=x), end=-4, step=-3),
        lambda x: torch.arange(int(x[0]), -4, -3),
        {},
        [IOS16, IOS18],
        calls=[{"x": ints([n])} for n in (7, 5, 6)],
    )
    yield mb_case(
        "range_1d",
        "fp32",
        lambda x: mb.range_1d(start=np.float32(0.5), end=mb.squeeze(x=x), step=np.float32(0.75)),
        lambda x: torch.arange(0.5, float(x[0]), 0.75),
        {},
        [IOS15, IOS17_HALF],
        calls=[{"x": floats([n])} for n in (3.0, 3.5, 4.0)],
    )
