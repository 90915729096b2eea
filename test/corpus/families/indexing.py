"""Slices, gathers, scatters, orderings and masks by position."""

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
    IOS15_HALF,
    IOS16,
    IOS16_HALF,
    IOS17,
    IOS17_HALF,
    IOS18,
    IOS18_HALF,
    Case,
    distinct,
    distinct_integers,
    integers,
    ints,
    mb_case,
    normal,
    torch_case,
)

LENGTH = ct.RangeDim(lower_bound=1, upper_bound=9, default=4)
BOTH_KINDS = (IOS15, IOS16_HALF, IOS17, IOS17_HALF, IOS18)


def cases() -> Iterator[list[Case]]:
    yield from _slices()
    yield from _gathers()
    yield from _orderings()
    yield from _positions()


def _slices() -> Iterator[list[Case]]:
    yield torch_case("slice_by_index", "middle", lambda x: x[:, 1:4], {"x": normal(2, 5, 3)}, EVERY_OPSET)
    yield torch_case("slice_by_index", "stride", lambda x: x[:, 1::2, ::3], {"x": normal(2, 6, 7)})
    yield torch_case("slice_by_index", "negative_begin", lambda x: x[:, -3:, :-1], {"x": normal(2, 5, 4)})
    yield torch_case("slice_by_index", "squeeze", lambda x: x[:, 0], {"x": normal(2, 5, 3)})
    yield torch_case(
        "slice_by_index", "squeeze_last", lambda x: x[..., -1], {"x": integers(3, 4, low=-9, high=9)}, [IOS16]
    )
    yield torch_case(
        "slice_by_index",
        "flexible_tail",
        lambda x: x[:, 1:-1],
        {},
        [IOS16, IOS17_HALF],
        shapes={"x": ct.Shape(shape=(2, ct.RangeDim(3, 9, default=5), 3))},
        calls=[{"x": normal(2, n, 3)} for n in (5, 3, 9)],
    )
    yield mb_case(
        "slice_by_index",
        "masks",
        lambda x: mb.slice_by_index(
            x=x,
            begin=[9, 1, -2],
            end=[0, 9, 9],
            begin_mask=[True, False, False],
            end_mask=[True, True, True],
            squeeze_mask=[False, False, False],
        ),
        lambda x: x[:, 1:, -2:],
        {"x": normal(2, 5, 4)},
        [IOS15, IOS16_HALF, IOS17, IOS18_HALF],
    )
    yield mb_case(
        "slice_by_index",
        "squeeze_mask",
        lambda x: mb.slice_by_index(
            x=x, begin=[1, -2, 0], end=[2, 0, 3], squeeze_mask=[True, True, False], stride=[1, 1, 2]
        ),
        lambda x: x[1, -2, 0:3:2],
        {"x": normal(2, 5, 4)},
        [IOS15, IOS17_HALF],
    )
    yield mb_case(
        "slice_by_index",
        "squeeze_to_scalar",
        lambda x: mb.slice_by_index(x=x, begin=[3], end=[4], squeeze_mask=[True]),
        lambda x: x[3],
        {"x": integers(5, low=-9, high=9)},
        [IOS15, IOS18],
    )
    yield mb_case(
        "slice_by_index",
        "negative_stride",
        lambda x: mb.slice_by_index(
            x=x, begin=[0, -1, 2], end=[2, 0, 0], stride=[1, -1, -2], begin_mask=[True, False, False],
            end_mask=[True, True, True],
        ),
        lambda x: x.flip(1)[:, :, [2, 0]],
        {"x": normal(2, 5, 4)},
        [IOS15, IOS17_HALF, IOS18],
    )
    yield mb_case(
        "slice_by_index",
        "negative_stride_closed",
        lambda x: mb.slice_by_index(x=x, begin=[0, 4], end=[2, 1], stride=[1, -1]),
        lambda x: x[:, [4, 3, 2]],
        {"x": normal(2, 5)},
        [IOS16],
    )
    yield mb_case(
        "slice_by_index",
        "runtime_bounds",
        lambda x, begin, end: mb.slice_by_index(x=x, begin=begin, end=end),
        lambda x, begin, end: x[int(begin[0]) : int(end[0]), int(begin[1]) : int(end[1])],
        {},
        [IOS15, IOS17, IOS18_HALF],
        calls=[
            {"x": normal(4, 7), "begin": ints([1, 2]), "end": ints([3, 7])},
            {"x": normal(4, 7), "begin": ints([-3, 0]), "end": ints([4, -2])},
        ],
    )
    yield mb_case(
        "slice_by_size",
        "static",
        lambda x: mb.slice_by_size(x=x, begin=[0, 1, 2], size=[2, 3, 1]),
        lambda x: x[:, 1:4, 2:3],
        {"x": normal(2, 5, 4)},
        EVERY_OPSET,
    )
    yield mb_case(
        "slice_by_size",
        "to_the_end",
        lambda x: mb.slice_by_size(x=x, begin=[1, 2], size=[-1, -1]),
        lambda x: x[1:, 2:],
        {"x": normal(3, 5)},
    )
    yield mb_case(
        "slice_by_size",
        "runtime_begin",
        lambda x, begin: mb.slice_by_size(x=x, begin=begin, size=[1, 3]),
        lambda x, begin: x[int(begin[0]) : int(begin[0]) + 1, int(begin[1]) : int(begin[1]) + 3],
        {},
        [IOS15, IOS17],
        calls=[{"x": normal(3, 5), "begin": ints(begin)} for begin in ([0, 2], [2, 0])],
    )
    yield mb_case(
        "slice_update",
        "static",
        lambda x, update: mb.slice_update(x=x, update=update, begin=[0, 1, 0], end=[2, 3, 4]),
        lambda x, update: torch.cat([x[:, :1], update, x[:, 3:]], 1),
        {"x": normal(2, 5, 4), "update": normal(2, 2, 4)},
        [IOS18, IOS18_HALF],
    )
    yield mb_case(
        "slice_update",
        "stride_and_masks",
        lambda x, update: mb.slice_update(
            x=x, update=update, begin=[0, 1], end=[0, 0], stride=[1, 2], begin_mask=[True, False], end_mask=[True, True]
        ),
        lambda x, update: torch.stack([x[:, 0], update[:, 0], x[:, 2], update[:, 1], x[:, 4]], 1),
        {"x": normal(2, 5), "update": normal(2, 2)},
        [IOS18],
    )
    yield mb_case(
        "slice_update",
        "squeeze",
        lambda x, update: mb.slice_update(
            x=x, update=update, begin=[0, -2], end=[3, 5], squeeze_mask=[False, True]
        ),
        lambda x, update: torch.cat([x[:, :3], update[:, None], x[:, 4:]], 1),
        {"x": normal(3, 5), "update": normal(3)},
        [IOS18],
    )
    yield mb_case(
        "slice_update",
        "runtime_bounds",
        lambda x, update, begin, end: mb.slice_update(x=x, update=update, begin=begin, end=end),
        lambda x, update, begin, end: torch.cat([x[:, : int(begin[1])], update, x[:, int(end[1]) :]], 1),
        {},
        [IOS18, IOS18_HALF],
        calls=[
            {"x": normal(2, 6), "update": normal(2, 2), "begin": ints([0, n]), "end": ints([2, n + 2])} for n in (0, 3)
        ],
    )


def _gathers() -> Iterator[list[Case]]:
    yield torch_case(
        "gather",
        "embedding",
        torch.nn.Embedding.from_pretrained(torch.arange(-20, 20).reshape(10, 4) / 8),
        {"ids": integers(2, 5, low=0, high=10)},
        (IOS15, IOS15_HALF, IOS16_HALF, IOS17, IOS17_HALF, IOS18_HALF),
    )
    yield torch_case(
        "gather",
        "embedding_flexible",
        torch.nn.Embedding.from_pretrained(torch.arange(-20, 20).reshape(10, 4) / 8),
        {},
        [IOS16, IOS17_HALF],
        shapes={"ids": ct.Shape(shape=(1, LENGTH))},
        calls=[{"ids": integers(1, n, low=0, high=10)} for n in (4, 1, 9)],
    )
    yield torch_case(
        "gather",
        "index_select",
        lambda x, indices: x.index_select(-1, indices),
        {"x": normal(2, 3, 5), "indices": ints([4, 0, 0])},
        BOTH_KINDS,
    )
    yield mb_case(
        "gather",
        "negative_axis",
        lambda x, indices: mb.gather(x=x, indices=indices, axis=-2),
        lambda x, indices: x[:, indices.long()],
        {"x": normal(2, 5, 3), "indices": integers(2, 4, low=0, high=5)},
        [IOS15, IOS16_HALF, IOS18],
    )
    yield mb_case(
        "gather",
        "negative_indices",
        lambda x, indices: mb.gather(x=x, indices=indices, axis=1),
        lambda x, indices: x[:, indices.long() % 5],
        {"x": normal(2, 5), "indices": ints([-1, 0, -5, 3])},
        [IOS15, IOS16],
    )
    yield mb_case(
        "gather",
        "scalar_index",
        lambda x, index: mb.gather(x=x, indices=mb.squeeze(x=index), axis=1),
        lambda x, index: x[:, int(index[0])],
        {},
        BOTH_KINDS,
        calls=[{"x": normal(2, 5, 3), "index": ints([n])} for n in (0, 4)],
    )
    yield mb_case(
        "gather",
        "scalar_index_of_vector",
        lambda x, index: mb.gather(x=x, indices=mb.squeeze(x=index), axis=0),
        lambda x, index: x[int(index[0])],
        {"x": normal(7), "index": ints([3])},
        [IOS15, IOS17_HALF],
    )
    yield mb_case(
        "gather",
        "batch_dims1",
        lambda x, indices: mb.gather(x=x, indices=indices, axis=1, batch_dims=1),
        lambda x, indices: torch.stack([x[i, indices[i].long()] for i in range(2)]),
        {"x": normal(2, 5, 3), "indices": integers(2, 4, low=0, high=5)},
        [IOS16, IOS17_HALF, IOS18],
    )
    yield mb_case(
        "gather",
        "batch_dims1_axis2",
        lambda x, indices: mb.gather(x=x, indices=indices, axis=2, batch_dims=1),
        lambda x, indices: torch.stack([x[i][:, indices[i].long()] for i in range(2)]),
        {"x": normal(2, 3, 5, 2), "indices": integers(2, 4, low=0, high=5)},
        [IOS16, IOS17_HALF],
    )
    yield mb_case(
        "gather",
        "batch_dims2",
        lambda x, indices: mb.gather(x=x, indices=indices, axis=-1, batch_dims=2),
        lambda x, indices: torch.gather(x, 2, indices.long()),
        {"x": normal(2, 3, 5), "indices": integers(2, 3, 4, low=0, high=5)},
        [IOS16_HALF, IOS18],
    )
    yield mb_case(
        "gather",
        "batch_dims_keep_rank",
        lambda x, indices: mb.gather(x=x, indices=indices, axis=1, batch_dims=1),
        lambda x, indices: torch.gather(x, 1, indices[:, None].long()).squeeze(1),
        {"x": normal(3, 5), "indices": integers(3, low=0, high=5)},
        [IOS16, IOS18_HALF],
    )
    yield mb_case(
        "gather",
        "validate_indices",
        lambda x, indices: mb.gather(x=x, indices=indices, axis=0, validate_indices=True),
        lambda x, indices: x[indices.long()],
        {"x": integers(6, 2, low=-9, high=9), "indices": integers(3, 1, low=0, high=6)},
        [IOS17, IOS18],
    )
    along = {"x": normal(3, 5, 2), "indices": integers(3, 4, 2, low=0, high=5)}
    yield torch_case(
        "gather_along_axis", "torch_gather", lambda x, indices: torch.gather(x, 1, indices.long()), along, BOTH_KINDS
    )
    yield mb_case(
        "gather_along_axis",
        "negative_axis",
        lambda x, indices: mb.gather_along_axis(x=x, indices=indices, axis=-1),
        lambda x, indices: torch.gather(x, 1, indices.long()),
        {"x": normal(3, 7), "indices": integers(3, 2, low=0, high=7)},
        [IOS15, IOS18_HALF],
    )
    yield mb_case(
        "gather_along_axis",
        "axis0_int32",
        lambda x, indices: mb.gather_along_axis(x=x, indices=indices, axis=0),
        lambda x, indices: torch.gather(x, 0, indices.long()),
        {"x": integers(4, 3, low=-9, high=9), "indices": integers(2, 3, low=0, high=4)},
        [IOS16, IOS17],
    )
    yield mb_case(
        "gather_nd",
        "rows",
        lambda x, indices: mb.gather_nd(x=x, indices=indices),
        lambda x, indices: x[indices[:, 0].long()],
        {"x": normal(5, 3), "indices": integers(4, 1, low=0, high=5)},
        EVERY_OPSET,
    )
    yield mb_case(
        "gather_nd",
        "elements",
        lambda x, indices: mb.gather_nd(x=x, indices=indices),
        lambda x, indices: x[indices[..., 0].long(), indices[..., 1].long()],
        {"x": normal(4, 4, 3), "indices": integers(2, 3, 2, low=0, high=4)},
    )
    yield mb_case(
        "gather_nd",
        "batch_dims1",
        lambda x, indices: mb.gather_nd(x=x, indices=indices, batch_dims=1),
        lambda x, indices: torch.stack([x[i, indices[i, :, 0].long(), indices[i, :, 1].long()] for i in range(2)]),
        {"x": normal(2, 4, 4), "indices": integers(2, 3, 2, low=0, high=4)},
        [IOS16, IOS17_HALF, IOS18],
    )


def _orderings() -> Iterator[list[Case]]:
    yield torch_case("topk", "largest", lambda x: torch.topk(x, 3, 1), {"x": distinct(2, 7)}, BOTH_KINDS)
    yield torch_case("topk", "smallest", lambda x: torch.topk(x, 2, 1, largest=False), {"x": distinct(2, 5, 3)})
    yield mb_case(
        "topk",
        "defaults",
        lambda x: mb.topk(x=x),
        lambda x: [x.max(-1, keepdim=True).values, x.argmax(-1, keepdim=True)],
        {"x": distinct(3, 5)},
        [IOS15, IOS16],
    )
    yield mb_case(
        "topk",
        "int32_negative_axis",
        lambda x: mb.topk(x=x, k=4, axis=-2, ascending=True),
        lambda x: [part[:4] for part in torch.sort(x, 0)],
        {"x": distinct_integers(5, 3)},
        [IOS16, IOS18],
    )
    yield mb_case(
        "topk",
        "values_only",
        lambda x: mb.topk(x=x, k=2, axis=1, return_indices=False),
        lambda x: torch.sort(x, 1, descending=True).values[:, :2],
        {"x": distinct(2, 5)},
        [IOS16, IOS17_HALF],
    )
    yield mb_case(
        "topk",
        "uint16_indices",
        lambda x: [
            mb.identity(x=part) if index == 0 else mb.cast(x=part, dtype="int32")
            for index, part in enumerate(mb.topk(x=x, k=3, axis=1, output_indices_dtype="uint16"))
        ],
        lambda x: [part[:, :3] for part in torch.sort(x, 1, descending=True)],
        {"x": distinct(2, 6)},
        [IOS17, IOS18_HALF],
        keep_all_ops=True,
    )
    yield torch_case("argsort", "ascending", lambda x: torch.argsort(x, -1), {"x": distinct(3, 6)}, EVERY_OPSET)
    yield torch_case("argsort", "descending", lambda x: torch.argsort(x, 1, descending=True), {"x": distinct(2, 5, 3)})
    yield mb_case(
        "argsort",
        "defaults",
        lambda x: mb.argsort(x=x),
        lambda x: torch.argsort(x, -1, descending=True),
        {"x": distinct(2, 7)},
        [IOS16],
    )
    yield mb_case(
        "argsort",
        "axis0",
        lambda x: mb.argsort(x=x, axis=0, ascending=True),
        lambda x: torch.argsort(x, 0),
        {"x": distinct(7, 2)},
        [IOS18],
    )


def _positions() -> Iterator[list[Case]]:
    ids = {"x": integers(2, 3, low=0, high=5)}
    yield torch_case("one_hot", "torch", lambda x: F.one_hot(x.long(), 5), ids, EVERY_OPSET)
    yield mb_case(
        "one_hot",
        "axis_and_values",
        lambda x: mb.one_hot(
            indices=x, one_hot_vector_size=6, axis=1, on_value=np.float32(2.5), off_value=np.float32(-1)
        ),
        lambda x: F.one_hot(x.long(), 6).permute(0, 2, 1) * 3.5 - 1,
        ids,
        [IOS15, IOS17_HALF],
    )
    yield mb_case(
        "one_hot",
        "int32_axis0",
        lambda x: mb.one_hot(indices=x, one_hot_vector_size=5, axis=0, on_value=1, off_value=0),
        lambda x: F.one_hot(x.long(), 5).permute(2, 0, 1),
        ids,
        [IOS16, IOS18],
    )
    for name, lower, upper, expected in (
        ("lower_triangle", -1, 0, torch.tril),
        ("upper_triangle", 0, -1, torch.triu),
        ("band", 1, 2, lambda x: torch.triu(torch.tril(x, 2), -1)),
        ("all", -1, -1, lambda x: x),
    ):
        yield mb_case(
            "band_part",
            name,
            lambda x, lower=lower, upper=upper: mb.band_part(x=x, lower=lower, upper=upper),
            lambda x, expected=expected: expected(x),
            {"x": normal(2, 4, 6)},
            EVERY_OPSET if name == "band" else [IOS15, IOS17_HALF],
        )
    yield mb_case(
        "band_part",
        "int32",
        lambda x: mb.band_part(x=x, lower=0, upper=1),
        lambda x: torch.triu(torch.tril(x, 1)),
        {"x": integers(5, 4, low=-9, high=9)},
        [IOS16, IOS18],
    )
    yield torch_case("cumsum", "torch", lambda x: torch.cumsum(x, 1), {"x": normal(2, 5, 3)}, EVERY_OPSET)
    yield mb_case(
        "cumsum", "defaults", lambda x: mb.cumsum(x=x), lambda x: torch.cumsum(x, 0), {"x": normal(4, 3)}, [IOS15]
    )
    yield mb_case(
        "cumsum",
        "exclusive",
        lambda x: mb.cumsum(x=x, axis=-1, exclusive=True),
        lambda x: torch.cumsum(x, 1) - x,
        {"x": integers(3, 5, low=-9, high=9)},
        [IOS15, IOS17],
    )
    yield mb_case(
        "cumsum",
        "reverse",
        lambda x: mb.cumsum(x=x, axis=1, reverse=True),
        lambda x: torch.cumsum(x.flip(1), 1).flip(1),
        {"x": normal(3, 5)},
    )
    yield mb_case(
        "cumsum",
        "exclusive_reverse",
        lambda x: mb.cumsum(x=x, axis=0, exclusive=True, reverse=True),
        lambda x: torch.cumsum(x.flip(0), 0).flip(0) - x,
        {"x": normal(3, 5)},
        [IOS16, IOS18_HALF],
    )
