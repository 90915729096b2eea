"""Activations, softmax and normalisations."""

from __future__ import annotations

from collections.abc import Callable, Iterator

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
    IOS18_HALF,
    Case,
    mb_case,
    normal,
    sample,
    torch_case,
    uniform,
)

WIDE = normal(2, 3, 5, scale=3)


def cases() -> Iterator[list[Case]]:
    yield from _activations()
    yield from _softmax()
    yield from _norms()


def _activations() -> Iterator[list[Case]]:
    traced: tuple[tuple[str, str, Callable[[torch.Tensor], torch.Tensor]], ...] = (
        ("sigmoid", "torch", torch.sigmoid),
        ("silu", "torch", F.silu),
        ("relu", "torch", torch.relu),
        ("relu6", "torch", F.relu6),
        ("leaky_relu", "torch", lambda x: F.leaky_relu(x, 0.125)),
        ("elu", "torch", lambda x: F.elu(x, 1.5)),
        ("softplus", "torch", F.softplus),
        ("gelu", "exact", F.gelu),
        ("gelu", "tanh", lambda x: F.gelu(x, approximate="tanh")),
        ("sigmoid_hard", "torch", F.hardsigmoid),
        ("sigmoid_hard", "hardswish", F.hardswish),
    )
    for op, name, function in traced:
        yield torch_case(op, name, function, {"x": WIDE}, EVERY_OPSET if name != "hardswish" else [IOS16, IOS17_HALF])
    built: tuple[tuple[str, str, dict[str, object], Callable[[torch.Tensor], torch.Tensor]], ...] = (
        ("gelu", "sigmoid", {"mode": "SIGMOID_APPROXIMATION"}, lambda x: x * torch.sigmoid(1.702 * x)),
        ("gelu", "default_mode", {}, F.gelu),
        ("softsign", "fp", {}, F.softsign),
        ("sigmoid_hard", "alpha_beta", {"alpha": 0.25, "beta": 0.375}, lambda x: torch.clamp(0.25 * x + 0.375, 0, 1)),
        ("linear_activation", "alpha_beta", {"alpha": -1.5, "beta": 0.25}, lambda x: -1.5 * x + 0.25),
        ("scaled_tanh", "alpha_beta", {"alpha": 1.5, "beta": 0.5}, lambda x: 1.5 * torch.tanh(0.5 * x)),
        (
            "clamped_relu",
            "alpha_beta",
            {"alpha": 0.25, "beta": 2.0},
            lambda x: torch.minimum(torch.tensor(2.0), torch.where(x >= 0, x, 0.25 * x)),
        ),
        ("thresholded_relu", "alpha", {"alpha": 0.75}, lambda x: torch.where(x >= 0.75, x, 0)),
    )
    for op, name, options, function in built:
        constants = {key: np.float32(value) if isinstance(value, float) else value for key, value in options.items()}
        yield mb_case(
            op,
            name,
            lambda x, op=op, constants=constants: getattr(mb, op)(x=x, **constants),
            lambda x, function=function: function(x),
            {"x": WIDE},
            [IOS15, IOS16_HALF, IOS17_HALF] if op != "gelu" else [IOS15, IOS17_HALF],
        )
    alpha = sample("prelu/alpha", uniform(3, low=-0.5, high=0.5))
    beta = sample("softplus_parametric/beta", uniform(3, low=0.25, high=2))
    for name, shape, slopes, targets in (
        ("channels", (2, 3, 4, 5), alpha, EVERY_OPSET),
        ("rank3_equal_slopes", (2, 3, 5), np.full(3, 0.25, np.float32), [IOS16, IOS17_HALF]),
    ):
        yield mb_case(
            "prelu",
            name,
            lambda x, slopes=slopes: mb.prelu(x=x, alpha=slopes),
            lambda x, slopes=slopes: F.prelu(x, torch.tensor(slopes)),
            {"x": normal(*shape)},
            targets,
            keep_all_ops=True,
        )
    along = (3, 1, 1)
    yield mb_case(
        "softplus_parametric",
        "channels",
        lambda x: mb.softplus_parametric(x=x, alpha=alpha, beta=beta),
        lambda x: torch.tensor(alpha).reshape(along) * torch.log1p(torch.exp(torch.tensor(beta).reshape(along) * x)),
        {"x": normal(2, 3, 4, 5)},
        [IOS15, IOS17_HALF],
    )


def _softmax() -> Iterator[list[Case]]:
    yield torch_case("softmax", "last", lambda x: torch.softmax(x, -1), {"x": WIDE}, EVERY_OPSET)
    yield torch_case("softmax", "axis1", lambda x: torch.softmax(x, 1), {"x": WIDE})
    yield mb_case(
        "softmax", "default_axis", lambda x: mb.softmax(x=x), lambda x: torch.softmax(x, -1), {"x": normal(7)}, [IOS15]
    )
    yield torch_case(
        "softmax",
        "masked",
        lambda x, mask: torch.softmax(x + (1 - mask) * -1e4, -1),
        {"x": WIDE, "mask": np.array([[[1, 1, 0, 1, 0]]], np.float32)},
        [IOS16, IOS18_HALF],
    )


def _module(key: str, layer: torch.nn.Module) -> torch.nn.Module:
    """Random parameters and running statistics; variances are positive."""
    for name, value in [*layer.named_parameters(), *layer.named_buffers()]:
        if value.is_floating_point():
            positive = "var" in name
            drawn = uniform(*value.shape, low=0.25, high=2) if positive else normal(*value.shape, scale=0.5, shift=0.5)
            value.data = torch.from_numpy(sample(f"{key}/{name}", drawn))
    return layer.eval()


def _norms() -> Iterator[list[Case]]:
    nn = torch.nn
    layers: tuple[tuple[str, str, torch.nn.Module, tuple[int, ...], object], ...] = (
        ("layer_norm", "last", nn.LayerNorm(6), (2, 3, 6), EVERY_OPSET),
        ("layer_norm", "last_two", nn.LayerNorm((3, 6)), (2, 3, 6), [IOS16, IOS17_HALF]),
        ("layer_norm", "no_affine", nn.LayerNorm(5, elementwise_affine=False, eps=0.25), (4, 5), [IOS15, IOS18_HALF]),
        ("layer_norm", "small_epsilon", nn.LayerNorm(6, eps=1e-12), (2, 3, 6), [IOS16, IOS16_HALF, IOS17_HALF]),
        ("batch_norm", "2d", nn.BatchNorm2d(3), (2, 3, 4, 5), EVERY_OPSET),
        ("batch_norm", "1d", nn.BatchNorm1d(3), (2, 3, 7), [IOS16, IOS17_HALF]),
        ("batch_norm", "3d", nn.BatchNorm3d(2), (1, 2, 2, 3, 4), [IOS15]),
        ("instance_norm", "2d", nn.InstanceNorm2d(3, affine=True), (2, 3, 4, 5), [IOS15, IOS17_HALF]),
        ("instance_norm", "1d", nn.InstanceNorm1d(3, eps=0.25), (2, 3, 7), [IOS16, IOS18_HALF]),
    )
    for op, name, layer, shape, targets in layers:
        yield torch_case(op, name, _module(f"{op}/{name}", layer), {"x": normal(*shape)}, targets)
    gamma = sample("layer_norm/gamma", normal(3, shift=1))
    yield mb_case(
        "layer_norm",
        "channels",
        lambda x: mb.layer_norm(x=x, axes=[1], gamma=gamma, epsilon=np.float32(1e-3)),
        lambda x: F.layer_norm(x.movedim(1, -1), (3,), torch.tensor(gamma), eps=1e-3).movedim(-1, 1),
        {"x": normal(2, 3, 4, 5)},
        [IOS15, IOS17_HALF],
    )
    scale, shift = (sample(f"layer_norm/{name}", normal(3, 5, shift=0.5)) for name in ("scale", "shift"))
    yield mb_case(
        "layer_norm",
        "negative_axes",
        lambda x: mb.layer_norm(x=x, axes=[-2, -1], gamma=scale, beta=shift),
        lambda x: F.layer_norm(x, (3, 5), torch.tensor(scale), torch.tensor(shift)),
        {"x": normal(2, 3, 5)},
        [IOS16, IOS18_HALF],
    )
    yield mb_case(
        "l2_norm",
        "rank4",
        lambda x: mb.l2_norm(x=x, epsilon=np.float32(0.25)),
        lambda x: x / torch.sqrt((x * x).sum((1, 2, 3), keepdim=True) + 0.25),
        {"x": normal(2, 3, 4, 5)},
        [IOS15, IOS17_HALF],
    )
    mean = sample("batch_norm/mean", normal(3))
    variance = sample("batch_norm/variance", uniform(3, low=0.25, high=2))
    yield mb_case(
        "batch_norm",
        "no_affine",
        lambda x: mb.batch_norm(x=x, mean=mean, variance=variance, epsilon=np.float32(0.25)),
        lambda x: F.batch_norm(x, torch.tensor(mean), torch.tensor(variance), eps=0.25),
        {"x": normal(2, 3, 4, 5)},
        [IOS15_HALF, IOS17],
        keep_all_ops=True,
    )
    yield mb_case(
        "local_response_norm",
        "size3",
        lambda x: mb.local_response_norm(
            x=x, size=3, alpha=np.float32(0.5), beta=np.float32(0.75), k=np.float32(1.5)
        ),
        lambda x: F.local_response_norm(x, 3, alpha=0.5, beta=0.75, k=1.5),
        {"x": normal(2, 5, 3, 4)},
        [IOS15, IOS17_HALF],
    )
