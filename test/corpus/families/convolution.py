"""Convolution, transposed convolution and pooling."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import coremltools as ct
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
    OLD_AND_NEW,
    Case,
    Target,
    mb_case,
    normal,
    sample,
    torch_case,
    uniform,
)


def cases() -> Iterator[list[Case]]:
    yield from _conv()
    yield from _conv_transpose()
    yield from _pool()


def _module(layer: torch.nn.Module) -> torch.nn.Module:
    """Gives a layer parameters on the grid of 1/64, seeded by its configuration."""
    for name, parameter in layer.named_parameters():
        values = sample(f"{layer}/{name}", normal(*parameter.shape, scale=0.5))
        parameter.data = torch.from_numpy(values)
    return layer


def _same(size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """Padding before and after under "same": the output has ceil(size / stride), the odd element goes behind."""
    total = max(0, (-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size)
    return total // 2, total - total // 2


def _conv() -> Iterator[list[Case]]:
    conv1d, conv2d, conv3d = torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d
    layers: Sequence[tuple[str, torch.nn.Module, tuple[int, ...], Sequence[Target]]] = (
        ("2d", conv2d(3, 4, 3), (2, 3, 7, 5), EVERY_OPSET),
        ("2d_padding_stride", conv2d(3, 4, 3, stride=2, padding=1), (2, 3, 7, 9), OLD_AND_NEW),
        (
            "2d_uneven",
            conv2d(2, 3, (3, 2), stride=(2, 1), padding=(2, 0), dilation=(1, 2)),
            (2, 2, 9, 7),
            [IOS16, IOS18_HALF],
        ),
        ("2d_groups", conv2d(4, 6, 3, groups=2, padding=1), (2, 4, 5, 7), OLD_AND_NEW),
        ("2d_depthwise", conv2d(4, 4, 3, groups=4, padding=1, bias=False), (2, 4, 5, 7), [IOS16_HALF, IOS18]),
        ("2d_pointwise", conv2d(5, 3, 1), (2, 5, 3, 5), [IOS15_HALF, IOS17]),
        ("2d_dilation", conv2d(2, 3, 3, dilation=2), (2, 2, 7, 9), [IOS16, IOS17_HALF]),
        ("1d", conv1d(3, 4, 3), (2, 3, 9), EVERY_OPSET),
        ("1d_stride_padding", conv1d(3, 4, 4, stride=3, padding=2, bias=False), (2, 3, 11), OLD_AND_NEW),
        ("1d_groups_dilation", conv1d(4, 4, 3, groups=4, dilation=2, padding=2), (2, 4, 11), [IOS16, IOS18_HALF]),
        ("3d", conv3d(2, 3, (1, 2, 2)), (1, 2, 3, 4, 5), [IOS15, IOS17_HALF]),
    )
    for name, layer, shape, targets in layers:
        yield torch_case("conv", name, _module(layer), {"x": normal(*shape)}, targets)
    yield torch_case(
        "conv",
        "2d_flexible",
        _module(conv2d(3, 2, 3, stride=2, padding=1)),
        {},
        [IOS16, IOS17_HALF],
        shapes={"x": ct.Shape(shape=(1, 3, ct.RangeDim(4, 16, default=8), ct.RangeDim(4, 16, default=8)))},
        calls=[{"x": normal(1, 3, *size)} for size in ((8, 8), (5, 9))],
    )
    weight = sample("conv/mb/weight", normal(3, 2, 3, 3, scale=0.5))
    bias = sample("conv/mb/bias", normal(3))
    yield mb_case(
        "conv",
        "custom_asymmetric",
        lambda x: mb.conv(x=x, weight=weight, bias=bias, pad_type="custom", pad=[1, 0, 0, 3], strides=[2, 1]),
        lambda x: F.conv2d(F.pad(x, (0, 3, 1, 0)), torch.tensor(weight), torch.tensor(bias), stride=(2, 1)),
        {"x": normal(2, 2, 6, 5)},
        [IOS15, IOS17_HALF],
    )
    for size, stride, dilation in ((7, 2, 1), (8, 2, 1), (9, 1, 2), (8, 3, 1)):
        before, after = _same(size, 3, stride, dilation)
        for pad_type, pads in (("same", (before, after)), ("same_lower", (after, before))):
            yield mb_case(
                "conv",
                f"{pad_type}_size{size}_stride{stride}_dilation{dilation}",
                lambda x, pad_type=pad_type, stride=stride, dilation=dilation: mb.conv(
                    x=x, weight=weight, pad_type=pad_type, strides=[stride] * 2, dilations=[dilation] * 2
                ),
                lambda x, pads=pads, stride=stride, dilation=dilation: F.conv2d(
                    F.pad(x, pads * 2), torch.tensor(weight), stride=stride, dilation=dilation
                ),
                {"x": normal(1, 2, size, size)},
                [IOS16, IOS18_HALF] if size == 8 and stride == 2 else [IOS17],
            )
    yield mb_case(
        "conv",
        "1d_same_even_kernel",
        lambda x: mb.conv(x=x, weight=weight[:, :, 0, :2], pad_type="same"),
        lambda x: F.conv1d(F.pad(x, _same(7, 2, 1, 1)), torch.tensor(weight[:, :, 0, :2])),
        {"x": normal(2, 2, 7)},
        [IOS15, IOS17_HALF],
    )
    yield mb_case(
        "conv",
        "runtime_weight",
        lambda x, weight: mb.conv(x=x, weight=weight, pad_type="custom", pad=[1, 1, 1, 1]),
        lambda x, weight: F.conv2d(x, weight, padding=1),
        {"x": normal(2, 2, 5, 4), "weight": normal(3, 2, 3, 3, scale=0.5)},
        [IOS15, IOS17_HALF],
    )


def _conv_transpose() -> Iterator[list[Case]]:
    up1d, up2d = torch.nn.ConvTranspose1d, torch.nn.ConvTranspose2d
    layers: Sequence[tuple[str, torch.nn.Module, tuple[int, ...], Sequence[Target]]] = (
        ("2d", up2d(3, 2, 3), (2, 3, 4, 5), EVERY_OPSET),
        ("2d_stride", up2d(3, 2, 2, stride=2), (2, 3, 4, 5), OLD_AND_NEW),
        ("2d_padding", up2d(3, 2, 3, stride=2, padding=1, bias=False), (2, 3, 4, 5), [IOS16_HALF, IOS18]),
        ("2d_output_padding", up2d(3, 2, 3, stride=2, padding=1, output_padding=1), (2, 3, 4, 5), OLD_AND_NEW),
        ("2d_groups", up2d(4, 6, 3, groups=2, stride=2), (2, 4, 3, 5), OLD_AND_NEW),
        ("2d_dilation", up2d(2, 3, 3, dilation=2), (2, 2, 3, 5), [IOS16, IOS17_HALF]),
        ("1d", up1d(3, 2, 4, stride=3, padding=1), (2, 3, 7), [IOS15, IOS18_HALF]),
    )
    for name, layer, shape, targets in layers:
        yield torch_case("conv_transpose", name, _module(layer), {"x": normal(*shape)}, targets)
    weight = sample("conv_transpose/mb/weight", normal(2, 3, 4, 4, scale=0.5))
    yield mb_case(
        "conv_transpose",
        "same",
        lambda x: mb.conv_transpose(x=x, weight=weight, pad_type="same", strides=[2, 2]),
        lambda x: F.conv_transpose2d(x, torch.tensor(weight), stride=2, padding=1),
        {"x": normal(2, 2, 3, 5)},
        [IOS15, IOS17_HALF],
    )


def _pool() -> Iterator[list[Case]]:
    pools: Sequence[tuple[str, str, Callable[[torch.Tensor], torch.Tensor], tuple[int, ...], Sequence[Target]]] = (
        ("max_pool", "2d", lambda x: F.max_pool2d(x, 2), (2, 3, 6, 5), EVERY_OPSET),
        ("max_pool", "2d_padding", lambda x: F.max_pool2d(x, 3, 2, 1), (2, 3, 7, 9), OLD_AND_NEW),
        ("max_pool", "2d_ceil", lambda x: F.max_pool2d(x, 3, 2, ceil_mode=True), (2, 3, 6, 8), OLD_AND_NEW),
        (
            "max_pool",
            "2d_ceil_padding",
            lambda x: F.max_pool2d(x, 2, 2, 1, ceil_mode=True),
            (1, 2, 5, 7),
            [IOS16, IOS17_HALF],
        ),
        ("max_pool", "2d_uneven", lambda x: F.max_pool2d(x, (3, 2), (1, 2), (1, 0)), (2, 3, 7, 5), [IOS16_HALF, IOS18]),
        ("max_pool", "1d", lambda x: F.max_pool1d(x, 3, 2, 1), (2, 3, 9), [IOS15, IOS18_HALF]),
        ("avg_pool", "2d", lambda x: F.avg_pool2d(x, 2), (2, 3, 6, 5), EVERY_OPSET),
        ("avg_pool", "2d_padding", lambda x: F.avg_pool2d(x, 3, 2, 1), (2, 3, 7, 9), OLD_AND_NEW),
        (
            "avg_pool",
            "2d_exclude_padding",
            lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
            (2, 3, 7, 9),
            OLD_AND_NEW,
        ),
        (
            "avg_pool",
            "2d_ceil_exclude_padding",
            lambda x: F.avg_pool2d(x, 3, 2, ceil_mode=True, count_include_pad=False),
            (2, 3, 6, 8),
            [IOS16, IOS17_HALF],
        ),
        ("avg_pool", "1d", lambda x: F.avg_pool1d(x, 3, 2, 1), (2, 3, 9), [IOS15, IOS18_HALF]),
    )
    for op, name, function, shape, targets in pools:
        yield torch_case(op, name, function, {"x": normal(*shape)}, targets)
    yield mb_case(
        "max_pool",
        "default_strides",
        lambda x: mb.max_pool(x=x, kernel_sizes=[2, 3], pad_type="valid"),
        lambda x: F.max_pool2d(x, (2, 3), 1),
        {"x": normal(2, 3, 4, 5)},
        [IOS15, IOS17_HALF],
    )
    for size in (7, 8):
        before, after = _same(size, 3, 2, 1)
        for pad_type, pads in (("same", (before, after)), ("same_lower", (after, before))):
            yield mb_case(
                "max_pool",
                f"{pad_type}_size{size}",
                lambda x, pad_type=pad_type: mb.max_pool(x=x, kernel_sizes=[3, 3], strides=[2, 2], pad_type=pad_type),
                lambda x, pads=pads: F.max_pool2d(F.pad(x, pads * 2, value=-torch.inf), 3, 2),
                {"x": uniform(1, 2, size, size, low=-4, high=-1)},
                [IOS16] if size == 7 else [IOS17, IOS16_HALF],
            )
            yield mb_case(
                "avg_pool",
                f"{pad_type}_size{size}",
                lambda x, pad_type=pad_type: mb.avg_pool(
                    x=x, kernel_sizes=[3, 3], strides=[2, 2], pad_type=pad_type, exclude_padding_from_average=True
                ),
                lambda x, pads=pads: F.avg_pool2d(F.pad(x, pads * 2), 3, 2)
                / F.avg_pool2d(F.pad(torch.ones_like(x), pads * 2), 3, 2),
                {"x": normal(1, 2, size, size)},
                [IOS16] if size == 7 else [IOS17, IOS16_HALF],
            )
    yield mb_case(
        "avg_pool",
        "custom_asymmetric",
        lambda x: mb.avg_pool(x=x, kernel_sizes=[2, 3], strides=[1, 2], pad_type="custom", pad=[1, 0, 0, 2]),
        lambda x: F.avg_pool2d(F.pad(x, (0, 2, 1, 0)), (2, 3), (1, 2)),
        {"x": normal(2, 2, 4, 5)},
        [IOS15, IOS17_HALF],
    )
    yield mb_case(
        "l2_pool",
        "2d",
        lambda x: mb.l2_pool(x=x, kernel_sizes=[2, 2], strides=[2, 2], pad_type="valid"),
        lambda x: F.lp_pool2d(x, 2, 2, 2),
        {"x": normal(2, 3, 6, 5)},
        [IOS15, IOS17_HALF],
    )
