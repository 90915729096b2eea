"""Reductions and arg-max."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
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
    distinct,
    distinct_integers,
    integers,
    mb_case,
    normal,
    torch_case,
    uniform,
)

Reduction = Callable[[torch.Tensor, tuple[int, ...], bool], torch.Tensor]


def _product(x: torch.Tensor, axes: tuple[int, ...], keep: bool) -> torch.Tensor:
    for axis in sorted((axis % x.ndim for axis in axes), reverse=True):
        x = x.prod(axis, keepdim=keep)
    return x


REDUCTIONS: dict[str, Reduction] = {
    "reduce_mean": lambda x, axes, keep: x.mean(axes, keepdim=keep),
    "reduce_sum": lambda x, axes, keep: x.sum(axes, keepdim=keep),
    "reduce_max": lambda x, axes, keep: x.amax(axes, keepdim=keep),
    "reduce_min": lambda x, axes, keep: x.amin(axes, keepdim=keep),
    "reduce_prod": _product,
    "reduce_sum_square": lambda x, axes, keep: (x * x).sum(axes, keepdim=keep),
    "reduce_log_sum": lambda x, axes, keep: x.sum(axes, keepdim=keep).log(),
    "reduce_log_sum_exp": lambda x, axes, keep: x.logsumexp(axes, keepdim=keep),
    "reduce_l1_norm": lambda x, axes, keep: x.abs().sum(axes, keepdim=keep),
    "reduce_l2_norm": lambda x, axes, keep: (x * x).sum(axes, keepdim=keep).sqrt(),
}


def cases() -> Iterator[list[Case]]:
    for op, reduction in REDUCTIONS.items():
        values = uniform(2, 3, 5, low=0.5, high=2) if op in ("reduce_log_sum", "reduce_prod") else normal(2, 3, 5)
        forms = (
            ("axis1", (1,), False, EVERY_OPSET),
            ("keep_dims", (-1,), True, [IOS15, IOS17_HALF]),
            ("two_axes", (0, -1), False, [IOS16, IOS18_HALF]),
            # fp32 only: fp16 tolerances follow the spread of the values, and a single value has none.
            ("all_axes", None, False, [IOS16, IOS17]),
            ("all_axes_keep_dims", None, True, [IOS18]),
        )
        for name, axes, keep, targets in forms:
            optional = {} if axes is None else {"axes": list(axes)}
            yield mb_case(
                op,
                name,
                lambda x, op=op, optional=optional, keep=keep: getattr(mb, op)(x=x, keep_dims=keep, **optional),
                lambda x, reduction=reduction, axes=axes, keep=keep: reduction(x, axes or (0, 1, 2), keep),
                {"x": values},
                targets,
            )
        if op in ("reduce_sum", "reduce_max", "reduce_min"):
            yield mb_case(
                op,
                "int32",
                lambda x, op=op: getattr(mb, op)(x=x, axes=[-1], keep_dims=False),
                lambda x, reduction=reduction: reduction(x, (1,), False),
                {"x": integers(3, 5, low=-9, high=9)},
                [IOS15, IOS18],
            )
    yield torch_case("reduce_mean", "torch", lambda x: x.mean((2, 3)), {"x": normal(2, 3, 4, 5)}, [IOS16_HALF, IOS18])
    for op, function in (("reduce_argmax", torch.argmax), ("reduce_argmin", torch.argmin)):
        yield torch_case(
            op, "last", lambda x, function=function: function(x, -1), {"x": distinct(2, 3, 5)}, EVERY_OPSET
        )
        yield mb_case(
            op,
            "keep_dims",
            lambda x, op=op: getattr(mb, op)(x=x, axis=1, keep_dims=True),
            lambda x, function=function: function(x, 1, keepdim=True),
            {"x": distinct(2, 5, 3)},
        )
        yield mb_case(
            op,
            "int32_axis0",
            lambda x, op=op: getattr(mb, op)(x=x, axis=0),
            lambda x, function=function: function(x, 0),
            {"x": distinct_integers(5, 3)},
            [IOS16, IOS18],
        )
        yield mb_case(
            op,
            "uint16_output",
            lambda x, op=op: mb.cast(x=getattr(mb, op)(x=x, axis=-1, output_dtype="uint16"), dtype="int32"),
            lambda x, function=function: function(x, -1),
            {"x": distinct(3, 7)},
            [IOS17, IOS18_HALF],
        )
