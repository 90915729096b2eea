"""linear, matmul, einsum and attention."""

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
    integers,
    ints,
    mb_case,
    normal,
    sample,
    torch_case,
)


def cases() -> Iterator[list[Case]]:
    yield from _linear()
    yield from _matmul()
    yield from _einsum()
    yield from _attention()


def _layer(bias: bool) -> torch.nn.Linear:
    layer = torch.nn.Linear(6, 4, bias=bias)
    for name, parameter in layer.named_parameters():
        parameter.data = torch.from_numpy(sample(f"linear/{name}", normal(*parameter.shape, scale=0.5)))
    return layer


def _linear() -> Iterator[list[Case]]:
    yield torch_case("linear", "rank2", _layer(True), {"x": normal(3, 6)}, EVERY_OPSET)
    yield torch_case("linear", "rank3", _layer(True), {"x": normal(2, 3, 6)}, [IOS15_HALF, IOS16, IOS17_HALF, IOS18])
    yield torch_case("linear", "rank4_no_bias", _layer(False), {"x": normal(2, 1, 3, 6)})
    yield torch_case(
        "linear",
        "flexible",
        _layer(True),
        {},
        [IOS16, IOS17_HALF],
        shapes={"x": ct.Shape(shape=(2, ct.RangeDim(1, 9, default=4), 6))},
        calls=[{"x": normal(2, n, 6)} for n in (4, 1, 9)],
    )
    weight = sample("linear/mb/weight", normal(4, 6, scale=0.5))
    yield mb_case(
        "linear",
        "rank1",
        lambda x: mb.linear(x=x, weight=weight),
        lambda x: torch.tensor(weight) @ x,
        {"x": normal(6)},
        [IOS15, IOS18_HALF],
    )
    yield mb_case(
        "linear",
        "int32",
        lambda x: mb.linear(x=x, weight=ints(np.arange(-6, 6)).reshape(2, 6), bias=ints([1, -2])),
        lambda x: x @ torch.arange(-6, 6, dtype=torch.int32).reshape(2, 6).T + torch.tensor([1, -2], dtype=torch.int32),
        {"x": integers(3, 6, low=-9, high=9)},
        [IOS16],
    )


def _matmul() -> Iterator[list[Case]]:
    forms = (
        ("rank2", (3, 4), (4, 5), False, False, EVERY_OPSET),
        ("batch", (2, 3, 4), (2, 4, 5), False, False, [IOS15, IOS17_HALF]),
        ("broadcast", (2, 1, 3, 4), (5, 4, 2), False, False, [IOS16, IOS18_HALF]),
        ("broadcast_right", (4, 3), (2, 3, 3, 5), False, False, [IOS16_HALF, IOS17]),
        ("transpose_x", (2, 4, 3), (2, 4, 5), True, False, [IOS15, IOS17_HALF]),
        ("transpose_y", (2, 3, 4), (2, 5, 4), False, True, EVERY_OPSET),
        ("transpose_both", (4, 3), (5, 4), True, True, [IOS16, IOS18_HALF]),
    )
    for name, left, right, flip_left, flip_right, targets in forms:
        yield mb_case(
            "matmul",
            name,
            lambda x, z, flip_left=flip_left, flip_right=flip_right: mb.matmul(
                x=x, y=z, transpose_x=flip_left, transpose_y=flip_right
            ),
            lambda x, z, flip_left=flip_left, flip_right=flip_right: (x.mT if flip_left else x)
            @ (z.mT if flip_right else z),
            {"x": normal(*left), "z": normal(*right)},
            targets,
        )
    yield mb_case(
        "matmul",
        "int32",
        lambda x, z: mb.matmul(x=x, y=z),
        lambda x, z: x @ z,
        {"x": integers(3, 4, low=-9, high=9), "z": integers(4, 2, low=-9, high=9)},
        [IOS15, IOS18],
    )
    yield torch_case(
        "matmul",
        "scores_flexible",
        lambda q, k: q @ k.transpose(-1, -2) / 2,
        {},
        [IOS16, IOS17_HALF],
        shapes={name: ct.Shape(shape=(1, 2, ct.RangeDim(1, 9, default=3), 4)) for name in ("q", "k")},
        calls=[{"q": normal(1, 2, n, 4), "k": normal(1, 2, m, 4)} for n, m in ((3, 3), (1, 7))],
    )
    weight = torch.from_numpy(sample("matmul/weight", normal(2, 4, 5, scale=0.5)))
    yield torch_case("matmul", "const_batch", lambda x: x @ weight, {"x": normal(2, 3, 4)}, [IOS15_HALF, IOS18])


def _einsum() -> Iterator[list[Case]]:
    for name, equation, left, right, targets in (
        ("rank4", "nchw,nwhr->nchr", (2, 3, 4, 5), (2, 5, 4, 6), EVERY_OPSET),
        ("rank3", "chw,whr->chr", (3, 4, 5), (5, 4, 2), [IOS15, IOS17_HALF]),
        ("rank4_renamed", "abcd,adce->abce", (2, 3, 4, 5), (2, 5, 4, 6), [IOS16, IOS18_HALF]),
    ):
        yield mb_case(
            "einsum",
            name,
            lambda x, z, equation=equation: mb.einsum(values=(x, z), equation=equation),
            lambda x, z, equation=equation: torch.einsum(equation, x, z),
            {"x": normal(*left), "z": normal(*right)},
            targets,
        )


def _attention() -> Iterator[list[Case]]:
    both = (IOS18, IOS18_HALF)
    query, key, value = normal(2, 3, 4, 5), normal(2, 3, 6, 5), normal(2, 3, 6, 2)
    attention = F.scaled_dot_product_attention
    op = "scaled_dot_product_attention"
    yield torch_case(op, "no_mask", attention, {"q": query, "k": key, "v": value}, both)
    yield torch_case(op, "float_mask", attention, {"q": query, "k": key, "v": value, "mask": normal(2, 1, 4, 6)}, both)
    yield torch_case(
        op, "rank3", attention, {"q": normal(2, 4, 5), "k": normal(2, 6, 5), "v": normal(2, 6, 5)}, [IOS18]
    )
    # The first column is always attended to: a row that attends to nothing has no defined result.
    attended = np.array([[1, 0, 1, 0, 0, 1], [1, 1, 1, 0, 1, 1], [1, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1]], np.float32)
    yield torch_case(
        op,
        "bool_mask",
        lambda q, k, v, mask: attention(q, k, v, mask > 0.5),
        {"q": query, "k": key, "v": value, "mask": attended},
        both,
    )
    yield mb_case(
        op,
        "mask_broadcast_queries",
        lambda q, k, v, mask: mb.scaled_dot_product_attention(query=q, key=k, value=v, attn_mask=mask),
        lambda q, k, v, mask: torch.softmax(q @ k.mT / 5**0.5 + mask, -1) @ v,
        {"q": query, "k": key, "v": value, "mask": normal(1, 1, 1, 6)},
        both,
    )
    yield torch_case(
        op,
        "flexible",
        attention,
        {},
        both,
        shapes={name: ct.Shape(shape=(1, 2, ct.RangeDim(1, 9, default=4), 4)) for name in ("q", "k", "v")},
        calls=[{name: normal(1, 2, n, 4) for name in ("q", "k", "v")} for n in (4, 1, 9)],
    )
