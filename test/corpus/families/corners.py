"""Corners of many ops that the families about them leave out: ties, ranks 0 and 5, mixed types, unusual padding."""

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
    OLD_AND_NEW,
    Case,
    floats,
    integers,
    ints,
    mb_case,
    nonzero_integers,
    normal,
    sample,
    uniform,
)


def cases() -> Iterator[list[Case]]:
    yield from _ties()
    yield from _ranks()
    yield from _arithmetic()
    yield from _mixed_types()
    yield from _pools()
    yield from _transposed_convolutions()
    yield from _neighbours()
    yield from _slices()
    yield from _flexible()
    yield from _results_that_are_inputs()


def _ties() -> Iterator[list[Case]]:
    """Several equal values: the first of them wins, whatever the direction."""
    x = ints([[3, 1, 3, 1, 2, 3], [0, 0, 0, 0, 0, 0], [-1, 2, -1, 2, 2, -1]])
    for kind, value in (("int32", x), ("fp", x.astype(np.float32))):
        for name in ("argmax", "argmin"):
            yield mb_case(
                f"reduce_{name}",
                f"ties_{kind}",
                lambda x, name=name: getattr(mb, f"reduce_{name}")(x=x, axis=1),
                lambda x, name=name: torch.from_numpy(getattr(np, name)(x.numpy(), 1)),
                {"x": value},
                OLD_AND_NEW,
            )
        for ascending in (False, True):
            order = "ascending" if ascending else "descending"
            sort = lambda x, ascending=ascending: x.sort(dim=1, descending=not ascending, stable=True)  # noqa: E731
            yield mb_case(
                "argsort",
                f"ties_{order}_{kind}",
                lambda x, ascending=ascending: mb.argsort(x=x, axis=1, ascending=ascending),
                lambda x, sort=sort: sort(x).indices,
                {"x": value},
                OLD_AND_NEW,
            )
            yield mb_case(
                "topk",
                f"ties_{order}_{kind}",
                lambda x, ascending=ascending: mb.topk(x=x, k=4, axis=-1, ascending=ascending),
                lambda x, sort=sort: [part[:, :4] for part in sort(x)],
                {"x": value},
                OLD_AND_NEW,
            )


def _ranks() -> Iterator[list[Case]]:
    """Scalars, which come from inputs of one element, and rank 5."""
    scalars = {"x": floats([-1.75]), "z": floats([0.5])}
    for op, expected in (("add", torch.add), ("maximum", torch.maximum), ("floor_div", torch.floor_divide)):
        yield mb_case(
            op,
            "rank0",
            lambda x, z, op=op: getattr(mb, op)(x=mb.squeeze(x=x), y=mb.squeeze(x=z)),
            lambda x, z, expected=expected: expected(x[0], z[0]),
            scalars,
            OLD_AND_NEW,
        )
    yield mb_case("exp", "rank0", lambda x: mb.exp(x=mb.squeeze(x=x)), lambda x: x[0].exp(), {"x": floats([0.75])}, [IOS15])
    shape = (2, 3, 1, 4, 2)
    five = {"x": normal(*shape), "z": normal(3, 5, 4, 1)}
    yield mb_case("mul", "rank5_broadcast", lambda x, z: mb.mul(x=x, y=z), lambda x, z: x * z, five, OLD_AND_NEW)
    x = {"x": normal(*shape)}
    yield mb_case(
        "reduce_mean",
        "rank5_negative_axes",
        lambda x: mb.reduce_mean(x=x, axes=[-1, 1, -3]),
        lambda x: x.mean((-1, 1, -3)),
        x,
        OLD_AND_NEW,
    )
    yield mb_case("softmax", "rank5_axis1", lambda x: mb.softmax(x=x, axis=1), lambda x: x.softmax(1), x, OLD_AND_NEW)
    yield mb_case(
        "reduce_argmax", "rank5_axis_from_the_end", lambda x: mb.reduce_argmax(x=x, axis=-2, keep_dims=True),
        lambda x: x.argmax(-2, keepdim=True), x, [IOS15],
    )
    yield mb_case(
        "reverse", "rank5_negative_axes", lambda x: mb.reverse(x=x, axes=[-1, 1]), lambda x: x.flip((-1, 1)), x, OLD_AND_NEW
    )
    yield mb_case(
        "matmul",
        "rank5_transposed_broadcast",
        lambda x, z: mb.matmul(x=x, y=z, transpose_y=True),
        lambda x, z: x @ z.mT,
        {"x": normal(2, 1, 3, 4, 5), "z": normal(2, 1, 2, 5)},
        OLD_AND_NEW,
    )
    yield mb_case(
        "concat", "rank5_interleave", lambda x, z: mb.concat(values=(x, z), axis=-3, interleave=True),
        lambda x, z: torch.stack((x, z), 3).flatten(2, 3), {"x": normal(*shape), "z": normal(*shape)}, OLD_AND_NEW,
    )
    yield mb_case(
        "crop", "rank3", lambda x: mb.crop(x=x, crop_height=[1, 0], crop_width=[0, 2]), lambda x: x[:, 1:, :-2],
        {"x": normal(2, 4, 5)}, OLD_AND_NEW,
    )
    yield mb_case(
        "crop", "rank5", lambda x: mb.crop(x=x, crop_height=[1, 1], crop_width=[2, 0]), lambda x: x[..., 1:-1, 2:],
        {"x": normal(2, 1, 3, 4, 5)}, OLD_AND_NEW,
    )


def _arithmetic() -> Iterator[list[Case]]:
    pair = {"x": integers(4, 5, low=-30, high=30), "z": nonzero_integers(4, 5, high=7)}
    yield mb_case(
        "real_div",
        "int32_drops_the_fraction",
        lambda x, z: mb.real_div(x=x, y=z),
        lambda x, z: torch.div(x, z, rounding_mode="trunc"),
        pair,
        OLD_AND_NEW,
    )
    signs = {"x": floats([7, 7, -7, -7, 0.5, -0.5, 6, -6]), "z": floats([2, -2, 2, -2, 2, 2, -3, 3])}
    for op, expected in (("mod", torch.remainder), ("floor_div", torch.floor_divide)):
        yield mb_case(
            op, "signs_fp", lambda x, z, op=op: getattr(mb, op)(x=x, y=z), lambda x, z, f=expected: f(x, z), signs, OLD_AND_NEW
        )


def _mixed_types() -> Iterator[list[Case]]:
    """From iOS17 on a constant operand may have a dtype of its own."""
    weight = sample("corners/mixed/weight", normal(4, 3))
    for kind in (np.float16, np.int32):
        value = np.round(weight * 2).astype(kind)
        exact = torch.from_numpy(value.astype(np.float32))
        name = np.dtype(kind).name
        yield mb_case(
            "matmul", f"constant_{name}_right", lambda x, value=value: mb.matmul(x=x, y=value),
            lambda x, exact=exact: x @ exact, {"x": normal(2, 4)}, [IOS17],
        )
        yield mb_case(
            "matmul", f"constant_{name}_left", lambda x, value=value: mb.matmul(x=value, y=x, transpose_x=True),
            lambda x, exact=exact: exact.T @ x, {"x": normal(4, 2)}, [IOS17],
        )
        yield mb_case(
            "linear", f"weight_{name}", lambda x, value=value: mb.linear(x=x, weight=value, bias=value[0].repeat(2)[:4]),
            lambda x, exact=exact: x @ exact.T + exact[0].repeat_interleave(2)[:4], {"x": normal(2, 3)}, [IOS17],
        )
    mask = sample("corners/mixed/mask", normal(4, 5)).astype(np.float16)
    yield mb_case(
        "scaled_dot_product_attention",
        "mask_float16",
        lambda q, k, v: mb.scaled_dot_product_attention(query=q, key=k, value=v, attn_mask=mask),
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, torch.from_numpy(mask.astype(np.float32))),
        {"q": normal(2, 4, 3), "k": normal(2, 5, 3), "v": normal(2, 5, 2)},
        [IOS18],
    )


def _windows(x: torch.Tensor, kernel: int, stride: int, pad: int, ceil: bool) -> Iterator[tuple[torch.Tensor, int]]:
    """The entries in each window of a [N, C, L] tensor, and how many positions it has within the padding."""
    size = x.shape[2]
    count = (size + 2 * pad - kernel + (stride - 1 if ceil else 0)) // stride + 1
    if (count - 1) * stride >= size + pad:
        count -= 1
    for i in range(count):
        low, high = i * stride - pad, i * stride - pad + kernel
        yield x[:, :, max(0, low) : min(high, size)], min(high, size + pad) - low


def _pools() -> Iterator[list[Case]]:
    """A last window that reaches over the padded end, and padding as wide as the window."""
    x = {"x": normal(2, 3, 6)}
    window = (3, 2, 1, True)
    for name, op, more, pooled in (
        ("1d_ceil_padding_overhang", "max_pool", {}, lambda part, _: part.amax(2)),
        ("1d_ceil_padding_overhang", "l2_pool", {}, lambda part, _: part.square().sum(2).sqrt()),
        (
            "1d_ceil_padding_overhang",
            "avg_pool",
            {"exclude_padding_from_average": False},
            lambda part, positions: part.sum(2) / positions,
        ),
        (
            "1d_ceil_exclude_padding_overhang",
            "avg_pool",
            {"exclude_padding_from_average": True},
            lambda part, _: part.mean(2),
        ),
    ):
        yield mb_case(
            op,
            name,
            lambda x, op=op, more=more: getattr(mb, op)(
                x=x, kernel_sizes=[3], strides=[2], pad_type="custom", pad=[1, 1], ceil_mode=True, **more
            ),
            lambda x, pooled=pooled: torch.stack([pooled(*w) for w in _windows(x, *window)], 2),
            x,
            OLD_AND_NEW,
        )
    for op, pooled in (
        ("l2_pool", lambda x: F.lp_pool1d(F.pad(x, (2, 0)), 2, 2, 1)),
        ("avg_pool", lambda x: F.avg_pool1d(F.pad(x, (2, 0)), 2, 1)),
    ):
        yield mb_case(
            op,
            "1d_padding_as_wide_as_the_window",
            lambda x, op=op: getattr(mb, op)(x=x, kernel_sizes=[2], strides=[1], pad_type="custom", pad=[2, 0]),
            pooled,
            x,
            [IOS15],
        )
    yield mb_case(
        "l2_pool",
        "2d_custom_asymmetric",
        lambda x: mb.l2_pool(x=x, kernel_sizes=[2, 3], strides=[2, 1], pad_type="custom", pad=[1, 0, 0, 2]),
        lambda x: F.lp_pool2d(F.pad(x, (0, 2, 1, 0)), 2, (2, 3), (2, 1)),
        {"x": normal(2, 2, 5, 6)},
        OLD_AND_NEW,
    )
    yield mb_case(
        "avg_pool",
        "3d_custom_exclude_padding",
        lambda x: mb.avg_pool(
            x=x,
            kernel_sizes=[2, 2, 3],
            strides=[1, 2, 2],
            pad_type="custom",
            pad=[1, 0, 0, 1, 1, 1],
            exclude_padding_from_average=True,
        ),
        lambda x: F.avg_pool3d(F.pad(x, (1, 1, 0, 1, 1, 0)), (2, 2, 3), (1, 2, 2))
        / F.avg_pool3d(F.pad(torch.ones_like(x), (1, 1, 0, 1, 1, 0)), (2, 2, 3), (1, 2, 2)),
        {"x": normal(1, 2, 3, 4, 5)},
        OLD_AND_NEW,
    )


def _transposed_convolutions() -> Iterator[list[Case]]:
    weight = sample("corners/conv_transpose/3d", normal(2, 3, 2, 3, 2, scale=0.5))
    yield mb_case(
        "conv_transpose",
        "3d_custom_asymmetric",
        lambda x: mb.conv_transpose(
            x=x, weight=weight, strides=[1, 2, 2], pad_type="custom", pad=[1, 0, 0, 2, 1, 0], dilations=[1, 1, 2]
        ),
        lambda x: F.conv_transpose3d(x, torch.from_numpy(weight), stride=(1, 2, 2), dilation=(1, 1, 2))[
            :, :, 1:, :-2, 1:
        ],
        {"x": normal(1, 2, 3, 3, 4)},
        OLD_AND_NEW,
    )
    grouped = sample("corners/conv_transpose/grouped", normal(4, 2, 3, 3, scale=0.5))
    yield mb_case(
        "conv_transpose",
        "2d_groups_output_shape",
        lambda x: mb.conv_transpose(
            x=x,
            weight=grouped,
            strides=[2, 3],
            pad_type="custom",
            pad=[1, 1, 0, 0],
            groups=2,
            output_shape=[1, 4, 8, 10],
        ),
        lambda x: F.conv_transpose2d(
            x, torch.from_numpy(grouped), stride=(2, 3), padding=(1, 0), output_padding=(1, 1), groups=2
        ),
        {"x": normal(1, 4, 4, 3)},
        OLD_AND_NEW,
    )


def _neighbours() -> Iterator[list[Case]]:
    for name, shape, size in (("size4", (2, 7, 3, 2), 4), ("size2_rank3", (1, 5, 4), 2), ("size3_rank5", (1, 4, 2, 3, 2), 3)):
        yield mb_case(
            "local_response_norm",
            name,
            lambda x, size=size: mb.local_response_norm(
                x=x, size=size, alpha=np.float32(0.5), beta=np.float32(0.5), k=np.float32(1.5)
            ),
            lambda x, size=size: F.local_response_norm(x, size, 0.5, 0.5, 1.5),
            {"x": normal(*shape)},
            OLD_AND_NEW,
        )
    # Points halfway between two pixels once they are folded back into the image, whose sizes PyTorch divides by exactly.
    at = floats([[[[-0.5, 1.5], [4.5, 0.5], [6.5, -1.5], [2.5, 3.5]]]])
    for padding, centred, (height, width) in (("reflection", True, (3, 5)), ("symmetric", False, (2, 4))):
        extent = torch.tensor([float(width), float(height)])
        yield mb_case(
            "resample",
            f"nearest_ties_{padding}",
            lambda x, padding=padding: mb.resample(
                x=x,
                coordinates=at,
                sampling_mode="nearest",
                padding_mode=padding,
                padding_value=np.float32(0),
                coordinates_mode="unnormalized",
                align_corners=False,
            ),
            lambda x, centred=centred, extent=extent: F.grid_sample(
                x,
                2 * torch.from_numpy(at) / (extent - 1) - 1 if centred else (2 * torch.from_numpy(at) + 1) / extent - 1,
                mode="nearest",
                padding_mode="reflection",
                align_corners=centred,
            ),
            {"x": normal(1, 2, height, width)},
            [IOS15, IOS17_HALF],
        )


def _slices() -> Iterator[list[Case]]:
    x = {"x": normal(3, 5, 4, 2, 6)}
    yield mb_case(
        "slice_by_index",
        "rank5_everything",
        lambda x: mb.slice_by_index(
            x=x,
            begin=[-1, 4, 0, 1, -2],
            end=[0, -4, 4, 2, 0],
            stride=[1, -2, 3, 1, -1],
            begin_mask=[False, False, True, False, False],
            end_mask=[False, False, True, False, True],
            squeeze_mask=[True, False, False, False, False],
        ),
        lambda x: torch.from_numpy(x.numpy()[-1, 4:-4:-2, ::3, 1:2, -2::-1].copy()),
        x,
        EVERY_OPSET,
    )
    yield mb_case(
        "slice_update",
        "negative_stride",
        lambda x, u: mb.slice_update(
            x=x, update=u, begin=[0, 4], end=[3, 0], stride=[2, -2], end_mask=[False, True]
        ),
        _updated_backwards,
        {"x": normal(3, 5), "u": normal(2, 3)},
        [IOS18, IOS18_HALF],
    )
    yield mb_case(
        "gather_nd",
        "batch_dims2",
        lambda x, i: mb.gather_nd(x=x, indices=i, batch_dims=2),
        lambda x, i: torch.stack([torch.stack([x[a, b][i[a, b, :, 0]] for b in range(3)]) for a in range(2)]),
        {"x": normal(2, 3, 4, 5), "i": integers(2, 3, 2, 1, low=0, high=4)},
        [IOS16, IOS17_HALF],
    )


def _updated_backwards(x: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
    result = x.numpy().copy()
    result[0:3:2, 4::-2] = u.numpy()
    return torch.from_numpy(result)


def _flexible() -> Iterator[list[Case]]:
    """Dimensions whose agreement only the call shows."""
    some = ct.RangeDim(lower_bound=1, upper_bound=8, default=3)
    yield mb_case(
        "select",
        "flexible_condition",
        lambda c, a, b: mb.select(cond=mb.greater(x=c, y=0.0), a=a, b=b),
        lambda c, a, b: torch.where(c > 0, a, b),
        {},
        [IOS16, IOS17_HALF],
        shapes={"c": ct.Shape((some,)), "a": ct.Shape((2, some)), "b": ct.Shape((2, some))},
        calls=[
            {"c": normal(3), "a": normal(2, 3), "b": normal(2, 3)},
            {"c": normal(7), "a": normal(2, 7), "b": normal(2, 7)},
        ],
    )
    yield mb_case(
        "scaled_dot_product_attention",
        "flexible_features",
        lambda q, k, v: mb.scaled_dot_product_attention(query=q, key=k, value=v),
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v),
        {},
        [IOS18],
        shapes={"q": ct.Shape((2, 3, some)), "k": ct.Shape((2, 4, some)), "v": ct.Shape((2, 4, 2))},
        calls=[{"q": normal(2, 3, n), "k": normal(2, 4, n), "v": normal(2, 4, 2)} for n in (3, 5)],
    )
    yield mb_case(
        "resample",
        "flexible_points",
        lambda x, at: mb.resample(
            x=x,
            coordinates=at,
            sampling_mode="bilinear",
            padding_mode="border",
            padding_value=np.float32(0),
            coordinates_mode="normalized_minus_one_to_one",
            align_corners=True,
        ),
        lambda x, at: F.grid_sample(x, at, padding_mode="border", align_corners=True),
        {},
        [IOS16],
        shapes={"x": ct.Shape((1, 2, 4, 3)), "at": ct.Shape((1, some, 2, 2))},
        calls=[{"x": normal(1, 2, 4, 3), "at": uniform(1, n, 2, 2, low=-1.4, high=1.4)} for n in (3, 1)],
    )


def _results_that_are_inputs() -> Iterator[list[Case]]:
    """Outputs that are a copy of an input, a constant or a shape."""
    table = sample("corners/identity/table", normal(3, 2))
    yield mb_case(
        "identity",
        "beside_constant_and_shape",
        lambda x: (mb.identity(x=x), mb.identity(x=mb.const(val=table)), mb.shape(x=x)),
        lambda x: [x, torch.from_numpy(table), torch.tensor(x.shape)],
        {"x": normal(2, 5)},
        [IOS15, IOS15_HALF, IOS16_HALF, IOS18],
        keep_all_ops=True,
    )
