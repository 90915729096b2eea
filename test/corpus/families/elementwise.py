"""Arithmetic, comparisons, logic, select, unary functions and casts."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
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
    Sampler,
    floats,
    integers,
    ints,
    mb_case,
    nonzero_integers,
    normal,
    torch_case,
    uniform,
)

Function = Callable[..., torch.Tensor]


def cases() -> Iterator[list[Case]]:
    yield from _arithmetic()
    yield from _comparisons()
    yield from _logic()
    yield from _unary()
    yield from _epsilons_and_bounds()
    yield from _casts()


def _builder(op: str) -> Callable[..., object]:
    return getattr(mb, op)


def _arithmetic() -> Iterator[list[Case]]:
    away_from_zero = uniform(3, 1, low=0.5, high=3)
    operations: tuple[tuple[str, Function, Sampler, Sampler], ...] = (
        ("add", torch.add, normal(2, 3, 5), normal(3, 1)),
        ("sub", torch.sub, normal(2, 3, 5), normal(3, 1)),
        ("mul", torch.mul, normal(2, 3, 5), normal(3, 1)),
        ("real_div", torch.div, normal(2, 3, 5), away_from_zero),
        ("floor_div", torch.floor_divide, normal(2, 3, 5, scale=4), away_from_zero),
        ("mod", torch.remainder, normal(2, 3, 5, scale=4), away_from_zero),
        ("pow", torch.pow, uniform(2, 3, 5, low=0.5, high=3), normal(3, 1)),
        ("maximum", torch.maximum, normal(2, 3, 5), normal(3, 1)),
        ("minimum", torch.minimum, normal(2, 3, 5), normal(3, 1)),
    )
    for op, function, left, right in operations:
        yield mb_case(
            op,
            "broadcast",
            lambda x, z, op=op: _builder(op)(x=x, y=z),
            lambda x, z, function=function: function(x, z),
            {"x": left, "z": right},
            EVERY_OPSET,
        )
        if op in ("real_div", "pow"):
            continue
        yield mb_case(
            op,
            "int32",
            lambda x, z, op=op: _builder(op)(x=x, y=z),
            lambda x, z, function=function: function(x, z),
            {"x": integers(2, 7, low=-20, high=20), "z": nonzero_integers(2, 7, high=7)},
            [IOS15, IOS17],
        )
    # Only exact quotients: what an inexact integer quotient gives is documented nowhere.
    yield mb_case(
        "real_div",
        "int32_exact",
        lambda x, z: mb.real_div(x=mb.mul(x=x, y=z), y=z),
        lambda x, z: x,
        {"x": integers(7, low=0, high=20), "z": integers(7, low=1, high=7)},
        [IOS16],
    )
    for op in ("floor_div", "mod"):
        function = {"floor_div": torch.floor_divide, "mod": torch.remainder}[op]
        yield mb_case(
            op,
            "negative_divisor",
            lambda x, z, op=op: _builder(op)(x=x, y=z),
            lambda x, z, function=function: function(x, z),
            {"x": normal(3, 5, scale=4), "z": uniform(3, 5, low=-3, high=-0.5)},
        )
    yield mb_case(
        "pow",
        "negative_base",
        lambda x: mb.pow(x=x, y=np.float32(3)),
        lambda x: x * x * x,
        {"x": normal(2, 5)},
        [IOS15, IOS17_HALF],
    )
    yield mb_case(
        "pow",
        "int32",
        lambda x, z: mb.pow(x=x, y=z),
        lambda x, z: torch.pow(x, z),
        {"x": integers(2, 5, low=-4, high=5), "z": integers(2, 5, low=0, high=4)},
        [IOS16],
    )
    scalars: tuple[tuple[str, str, Function], ...] = (
        ("add", "scalar", lambda x: x + 1.5),
        ("sub", "scalar_left", lambda x: 2.25 - x),
        ("mul", "negate", lambda x: -x),
        ("real_div", "scalar_left", lambda x: torch.div(torch.tensor([3.0]), x.abs() + 1)),
        ("maximum", "scalar", lambda x: torch.maximum(x, torch.tensor(0.25))),
    )
    for op, name, function in scalars:
        yield torch_case(op, name, function, {"x": normal(2, 3, 5)}, [IOS16_HALF, IOS18])


def _comparisons() -> Iterator[list[Case]]:
    operations: tuple[tuple[str, Function], ...] = (
        ("equal", torch.eq),
        ("not_equal", torch.ne),
        ("greater", torch.gt),
        ("greater_equal", torch.ge),
        ("less", torch.lt),
        ("less_equal", torch.le),
    )
    for op, function in operations:
        yield torch_case(
            op,
            "int32",
            lambda x, z, function=function: function(x, z),
            {"x": integers(3, 5, low=0, high=4), "z": integers(3, 5, low=0, high=4)},
            [IOS15, IOS17],
        )
        yield mb_case(
            op,
            "broadcast",
            lambda x, z, op=op: _builder(op)(x=x, y=z),
            lambda x, z, function=function: function(x, z),
            {"x": uniform(2, 3, 5, low=-0.1, high=0.1), "z": uniform(3, 1, low=-0.1, high=0.1)},
            [IOS16, IOS18_HALF],
        )


def _logic() -> Iterator[list[Case]]:
    operations: tuple[tuple[str, Function], ...] = (
        ("logical_and", torch.logical_and),
        ("logical_or", torch.logical_or),
        ("logical_xor", torch.logical_xor),
    )
    for op, function in operations:
        yield mb_case(
            op,
            "broadcast",
            lambda x, z, op=op: _builder(op)(x=mb.greater(x=x, y=np.float32(0)), y=mb.less(x=z, y=np.float32(0.5))),
            lambda x, z, function=function: function(x > 0, z < 0.5),
            {"x": normal(4, 5), "z": normal(4, 1)},
            EVERY_OPSET,
        )
    yield mb_case(
        "logical_not",
        "of_comparison",
        lambda x: mb.logical_not(x=mb.greater(x=x, y=np.float32(0))),
        lambda x: ~(x > 0),
        {"x": normal(3, 5)},
        EVERY_OPSET,
    )
    yield torch_case(
        "select",
        "where",
        lambda x, z: torch.where(x > z, x, z * 2),
        {"x": normal(2, 3, 5), "z": normal(2, 3, 5)},
        EVERY_OPSET,
    )
    yield mb_case(
        "select",
        "int32",
        lambda x, z: mb.select(cond=mb.less(x=x, y=z), a=x, b=z),
        lambda x, z: torch.where(x < z, x, z),
        {"x": integers(3, 5, low=-9, high=9), "z": integers(3, 5, low=-9, high=9)},
        [IOS15, IOS18],
    )
    yield mb_case(
        "select",
        "broadcast_condition",
        lambda x, z, flag: mb.select(cond=mb.greater(x=flag, y=np.float32(0)), a=x, b=z),
        lambda x, z, flag: torch.where(flag > 0, x, z),
        {"x": normal(2, 3, 5), "z": normal(2, 3, 5), "flag": normal(3, 1)},
        [IOS16, IOS17_HALF],
    )
    yield mb_case(
        "select",
        "scalar_branch",
        lambda x: mb.select(cond=mb.greater(x=x, y=np.float32(0)), a=x, b=np.float32(-1.5)),
        lambda x: torch.where(x > 0, x, torch.tensor(-1.5)),
        {"x": normal(3, 5)},
        [IOS15, IOS16_HALF],
    )
    yield mb_case(
        "select",
        "bool_values",
        lambda x, z: mb.select(
            cond=mb.greater(x=x, y=z), a=mb.greater(x=x, y=np.float32(0)), b=mb.less(x=z, y=np.float32(0.5))
        ),
        lambda x, z: torch.where(x > z, x > 0, z < 0.5),
        {"x": normal(3, 5), "z": normal(3, 5)},
        [IOS16, IOS18_HALF],
    )


def _unary() -> Iterator[list[Case]]:
    everywhere = normal(2, 3, 5)
    positive = uniform(2, 3, 5, low=0.25, high=4)
    inside = uniform(2, 3, 5, low=-0.9, high=0.9)
    halves = floats([[-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.0, 1.25, -1.75]])
    operations: tuple[tuple[str, Function, object], ...] = (
        ("abs", torch.abs, everywhere),
        ("exp", torch.exp, everywhere),
        ("exp2", torch.exp2, everywhere),
        ("sqrt", torch.sqrt, positive),
        ("rsqrt", torch.rsqrt, positive),
        ("log", torch.log, positive),
        ("square", torch.square, everywhere),
        ("sign", torch.sign, floats([[-2, -0.0, 0, 0.25, 3]])),
        ("tanh", torch.tanh, everywhere),
        ("sin", torch.sin, everywhere),
        ("cos", torch.cos, everywhere),
        ("erf", torch.erf, everywhere),
        ("tan", torch.tan, inside),
        ("asin", torch.asin, inside),
        ("acos", torch.acos, inside),
        ("atan", torch.atan, everywhere),
        ("sinh", torch.sinh, everywhere),
        ("cosh", torch.cosh, everywhere),
        ("atanh", torch.atanh, inside),
        ("floor", torch.floor, halves),
        ("ceil", torch.ceil, halves),
        ("round", torch.round, halves),
    )
    for op, function, values in operations:
        yield mb_case(
            op,
            "fp",
            lambda x, op=op: _builder(op)(x=x),
            lambda x, function=function: function(x),
            {"x": values},
            EVERY_OPSET if op in ("rsqrt", "log", "exp") else [IOS15, IOS17_HALF],
        )
    for op, function in (("abs", torch.abs), ("sign", torch.sign), ("square", torch.square)):
        yield mb_case(
            op,
            "int32",
            lambda x, op=op: _builder(op)(x=x),
            lambda x, function=function: function(x),
            {"x": integers(3, 5, low=-9, high=9)},
            [IOS16, IOS18],
        )


def _epsilons_and_bounds() -> Iterator[list[Case]]:
    positive = uniform(2, 5, low=0.25, high=4)
    yield mb_case(
        "inverse", "default_epsilon", lambda x: mb.inverse(x=x), lambda x: 1 / (x + 1e-4), {"x": positive}, EVERY_OPSET
    )
    for op, function in (("inverse", torch.reciprocal), ("rsqrt", torch.rsqrt), ("log", torch.log)):
        yield mb_case(
            op,
            "epsilon",
            lambda x, op=op: _builder(op)(x=x, epsilon=np.float32(0.5)),
            lambda x, function=function: function(x + 0.5),
            {"x": positive},
            [IOS15, IOS16_HALF, IOS17_HALF],
        )
    yield torch_case("clip", "clamp", lambda x: torch.clamp(x, -0.5, 1.25), {"x": normal(3, 5)}, EVERY_OPSET)
    yield torch_case(
        "clip", "minimum_only", lambda x: torch.clamp(x, min=-0.5), {"x": normal(3, 5)}, [IOS16, IOS17_HALF]
    )
    yield mb_case(
        "threshold",
        "fp",
        lambda x: mb.threshold(x=x, alpha=np.float32(0.25)),
        lambda x: torch.clamp(x, min=0.25),
        {"x": normal(3, 5)},
        EVERY_OPSET,
    )
    yield mb_case(
        "threshold",
        "int32",
        lambda x: mb.threshold(x=x, alpha=-2),
        lambda x: torch.clamp(x, min=-2),
        {"x": integers(3, 5, low=-9, high=9)},
        [IOS16],
    )


def _casts() -> Iterator[list[Case]]:
    fractions = floats([[-2.75, -1.0, -0.25, 0.0, 0.5, 1.75, 3.0]])
    yield torch_case("cast", "to_int32", lambda x: x.int(), {"x": fractions}, EVERY_OPSET)
    yield torch_case("cast", "int32_to_float", lambda x: x.float() / 4, {"x": integers(3, 5, low=-9, high=9)})
    yield mb_case(
        "cast",
        "to_bool_and_back",
        lambda x: mb.cast(x=mb.cast(x=x, dtype="bool"), dtype="int32"),
        lambda x: (x != 0).int(),
        {"x": fractions},
        [IOS15, IOS18],
        keep_all_ops=True,
    )
    yield mb_case(
        "cast",
        "int32_to_bool",
        lambda x: mb.cast(x=x, dtype="bool"),
        lambda x: x != 0,
        {"x": ints([[-2, 0, 1, 256]])},
        [IOS16],
        keep_all_ops=True,
    )
    yield mb_case(
        "cast",
        "through_fp16",
        lambda x: mb.cast(x=mb.cast(x=x, dtype="fp16"), dtype="fp32"),
        lambda x: x.half().float(),
        {"x": floats([[0.1, 1 / 3, 2049.0, -1e-7, 65519.0, 6e-8]])},
        [IOS15, IOS17],
        keep_all_ops=True,
    )
    for dtype, torch_dtype, values in (
        ("int8", torch.int8, [-128, -1, 0, 127]),
        ("uint8", torch.uint8, [0, 1, 128, 255]),
        ("int16", torch.int16, [-32768, -1, 0, 32767]),
        ("uint16", torch.uint16, [0, 1, 32768, 65535]),
    ):
        yield mb_case(
            "cast",
            f"through_{dtype}",
            lambda x, dtype=dtype: mb.cast(x=mb.cast(x=x, dtype=dtype), dtype="fp32"),
            lambda x, torch_dtype=torch_dtype: x.to(torch_dtype).float(),
            {"x": ints([values])},
            [IOS17, IOS18],
            keep_all_ops=True,
        )
