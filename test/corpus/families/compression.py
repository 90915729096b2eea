"""Compressed weights: the constexpr ops.

The compressed arrays are written here and decoded by NumPy, or ``coremltools.optimize`` compresses weights that its
format holds exactly, so that the weights themselves are the decoded values.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import coremltools.optimize.coreml as cto
import numpy as np
import torch
from coremltools.converters.mil.mil import Builder as mb
from coremltools.converters.mil.mil import types

from case import (
    IOS16,
    IOS16_HALF,
    IOS17,
    IOS17_HALF,
    IOS18,
    IOS18_HALF,
    Case,
    Target,
    integers,
    mb_case,
    normal,
    sample,
    torch_case,
)

OLD_FORM = (IOS16, IOS16_HALF, IOS17_HALF)
NEW_FORM = (IOS18, IOS18_HALF)


def cases() -> Iterator[list[Case]]:
    yield from _palettes_old_form()
    yield from _palettes_new_form()
    yield from _affine()
    yield from _blockwise()
    yield from _sparse()
    yield from _joint()
    yield from _other_ranks()
    yield from _cast()
    yield from _optimized()


def _float(target: Target) -> type[np.floating]:
    return np.float16 if target.precision == "fp16" else np.float32


def _integer(values: np.ndarray, kind: type) -> np.ndarray:
    """``values`` in the NumPy type that coremltools uses for a sub-byte ``kind``."""
    return values.astype(types.nptype_from_builtin(kind))


def _packed(values: np.ndarray, bits: int) -> np.ndarray:
    """The low ``bits`` of each value, least significant first, as a stream of bytes."""
    stream = ((values.reshape(-1, 1) >> np.arange(bits)) & 1).astype(np.uint8)
    return np.packbits(stream.reshape(-1), bitorder="little")


def _linear_case(
    op: str, name: str, target: Target, weight: object, decoded: np.ndarray
) -> list[Case]:
    """y = x · weightᵀ, where ``weight()`` makes the constexpr ops and ``decoded`` is what they stand for."""
    half = target.precision == "fp16"

    def body(x: object) -> object:
        if not half:
            return mb.linear(x=x, weight=weight())
        return mb.cast(x=mb.linear(x=mb.cast(x=x, dtype="fp16"), weight=weight()), dtype="fp32")

    return mb_case(
        op,
        name,
        body,
        lambda x: x @ torch.from_numpy(decoded.astype(np.float32)).T,
        {"x": normal(3, decoded.shape[1])},
        [target],
    )


def _palettes_old_form() -> Iterator[list[Case]]:
    for bits in (1, 2, 4, 6, 8):
        shape = (5, 7)
        indices = sample(f"lut16/{bits}/indices", integers(*shape, low=0, high=2**bits))
        table = sample(f"lut16/{bits}/table", normal(2**bits))
        for target in OLD_FORM if bits == 4 else (IOS16,) if bits in (1, 8) else (IOS16_HALF,):
            yield _linear_case(
                "constexpr_lut_to_dense",
                f"{bits}bit",
                target,
                lambda indices=indices, table=table, target=target, bits=bits, shape=shape: mb.constexpr_lut_to_dense(
                    indices=_packed(indices, bits), lut=table.astype(_float(target)), shape=np.array(shape, np.uint32)
                ),
                table[indices],
            )


def _palettes_new_form() -> Iterator[list[Case]]:
    kinds = {1: types.uint1, 2: types.uint2, 3: types.uint3, 4: types.uint4, 6: types.uint6, 8: types.uint8}
    groupings = {"": (1, 1), "_rows": (4, 1), "_row_groups": (2, 1), "_column_groups": (1, 2), "_blocks": (2, 3)}
    rows, columns = 4, 6
    for bits, kind in kinds.items():
        for suffix, groups in groupings.items():
            if suffix and bits not in (2, 4):
                continue
            name = f"{bits}bit{suffix}"
            indices = sample(f"lut18/{name}/indices", integers(rows, columns, low=0, high=2**bits))
            table = sample(f"lut18/{name}/table", normal(*groups, 2**bits, 1))
            row_group = np.arange(rows)[:, None] // (rows // groups[0])
            column_group = np.arange(columns)[None, :] // (columns // groups[1])
            for target in NEW_FORM if bits == 4 else (IOS18,) if bits == 2 else (IOS18_HALF,):
                yield _linear_case(
                    "constexpr_lut_to_dense",
                    name,
                    target,
                    lambda indices=indices, table=table, target=target, kind=kind: mb.constexpr_lut_to_dense(
                        indices=_integer(indices, kind), lut=table.astype(_float(target))
                    ),
                    table[row_group, column_group, indices, 0],
                )
    for axis in (0, 1):
        for groups in ((1, 1), (2, 1)):
            name = f"2bit_vector_axis{axis}" + ("_groups" if groups != (1, 1) else "")
            indices = sample(f"lut18/{name}/indices", integers(4, 3, low=0, high=4))
            table = sample(f"lut18/{name}/table", normal(*groups, 4, 2))
            vectors = table[np.arange(4)[:, None] // (4 // groups[0]), 0, indices]
            decoded = vectors.transpose(0, 2, 1).reshape(8, 3) if axis == 0 else vectors.reshape(4, 6)
            yield _linear_case(
                "constexpr_lut_to_dense",
                name,
                IOS18 if axis == 0 else IOS18_HALF,
                lambda indices=indices, table=table, axis=axis: mb.constexpr_lut_to_dense(
                    indices=_integer(indices, types.uint2),
                    lut=table.astype(np.float32 if axis == 0 else np.float16),
                    vector_axis=axis,
                ),
                decoded,
            )
    ids = sample("lut18/embedding/ids", integers(2, 3, low=0, high=10))
    indices = sample("lut18/embedding/indices", integers(10, 4, low=0, high=16))
    table = sample("lut18/embedding/table", normal(1, 1, 16, 1))
    yield mb_case(
        "constexpr_lut_to_dense",
        "embedding",
        lambda ids: mb.gather(
            x=mb.constexpr_lut_to_dense(indices=_integer(indices, types.uint4), lut=table), indices=ids, axis=0
        ),
        lambda ids: torch.from_numpy(table[0, 0, indices, 0])[ids.long()],
        {"ids": ids},
        [IOS18],
    )


def _affine() -> Iterator[list[Case]]:
    for name, dtype, per_channel, axis in (
        ("uint8_scalar", np.uint8, False, 0),
        ("int8_scalar", np.int8, False, 0),
        ("int8_axis0", np.int8, True, 0),
        ("uint8_axis1", np.uint8, True, 1),
        ("int8_negative_axis", np.int8, True, -1),
    ):
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max + 1
        data = sample(f"affine/{name}/data", integers(4, 6, low=low, high=high)).astype(dtype)
        length = [data.shape[axis]] if per_channel else []
        scale = sample(f"affine/{name}/scale", integers(*length, low=1, high=5)).astype(np.float32) / 64
        zero = sample(f"affine/{name}/zero", integers(*length, low=low // 2, high=high // 2)).astype(dtype)
        along = [1, 1]
        along[axis] = -1
        column = (lambda value, along=along: value.astype(np.float32).reshape(along)) if per_channel else np.float32
        for target in (IOS16, IOS17_HALF) if name == "int8_axis0" else (IOS16_HALF, IOS17):
            yield _linear_case(
                "constexpr_affine_dequantize",
                name,
                target,
                lambda data=data, zero=zero, scale=scale, axis=axis, target=target: mb.constexpr_affine_dequantize(
                    quantized_data=data,
                    zero_point=zero if zero.ndim else zero.dtype.type(zero),
                    scale=scale.astype(_float(target)) if scale.ndim else _float(target)(scale),
                    axis=axis,
                ),
                column(scale) * (data.astype(np.float32) - column(zero)),
            )


def _blockwise() -> Iterator[list[Case]]:
    for name, kind, low, high, groups, with_offset in (
        ("int4_rows", types.int4, -8, 8, (4, 1), False),
        ("int4_blocks", types.int4, -8, 8, (4, 3), False),
        ("int4_offset", types.int4, -8, 8, (2, 3), True),
        ("uint4_offset", types.uint4, 0, 16, (4, 1), True),
        ("uint4_columns", types.uint4, 0, 16, (1, 6), True),
        ("int8_rows", types.int8, -128, 128, (4, 1), False),
        ("int8_tensor", types.int8, -128, 128, (1, 1), True),
        ("uint8_blocks", types.uint8, 0, 256, (2, 2), True),
    ):
        data = sample(f"blockwise/{name}/data", integers(4, 6, low=low, high=high))
        scale = sample(f"blockwise/{name}/scale", integers(*groups, low=1, high=9)).astype(np.float32) / 64
        offset = sample(f"blockwise/{name}/offset", integers(*groups, low=low, high=high)) * with_offset
        spread = lambda value, groups=groups: np.repeat(  # noqa: E731
            np.repeat(value, 4 // groups[0], axis=0), 6 // groups[1], axis=1
        )
        for target in NEW_FORM if name in ("int4_blocks", "uint4_offset", "int8_rows") else (IOS18_HALF,):
            optional = {"offset": _integer(offset, kind)} if with_offset else {}
            yield _linear_case(
                "constexpr_blockwise_shift_scale",
                name,
                target,
                lambda data=data, scale=scale, optional=optional, kind=kind, target=target: (
                    mb.constexpr_blockwise_shift_scale(
                        data=_integer(data, kind), scale=scale.astype(_float(target)), **optional
                    )
                ),
                spread(scale) * (data - spread(offset)),
            )


def _sparse_weight(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(mask of 0/1, the kept values in order, the dense weight)."""
    mask = sample(f"sparse/{name}/mask", integers(5, 7, low=0, high=2))
    dense = sample(f"sparse/{name}/dense", normal(5, 7)) * mask
    return mask, dense[mask == 1], dense


def _sparse() -> Iterator[list[Case]]:
    mask, kept, dense = _sparse_weight("plain")
    for target in OLD_FORM:
        yield _linear_case(
            "constexpr_sparse_to_dense",
            "bitmask",
            target,
            lambda target=target: mb.constexpr_sparse_to_dense(
                nonzero_data=kept.astype(_float(target)), mask=_packed(mask, 1), shape=np.array(mask.shape, np.uint32)
            ),
            dense,
        )
    for target in NEW_FORM:
        yield _linear_case(
            "constexpr_sparse_to_dense",
            "uint1_mask",
            target,
            lambda target=target: mb.constexpr_sparse_to_dense(
                nonzero_data=kept.astype(_float(target)), mask=_integer(mask, types.uint1)
            ),
            dense,
        )


def _joint() -> Iterator[list[Case]]:
    """One constexpr op feeding another."""
    mask, _, _ = _sparse_weight("joint")
    count = int(mask.sum())

    indices = sample("joint/lut/indices", integers(count, low=0, high=4))
    table = sample("joint/lut/table", normal(1, 1, 4, 1))
    dense = np.zeros(mask.shape, np.float32)
    dense[mask == 1] = table[0, 0, indices, 0]

    def from_table() -> object:
        sparse_mask, kept = mb.constexpr_lut_to_sparse(
            indices_mask=_integer(mask, types.uint1), indices_nonzero_data=_integer(indices, types.uint2), lut=table
        )
        return mb.constexpr_sparse_to_dense(nonzero_data=kept, mask=sparse_mask)

    yield _linear_case("constexpr_lut_to_sparse", "2bit", IOS18, from_table, dense)

    data = sample("joint/scale/data", integers(count, low=-8, high=8))
    scale = sample("joint/scale/scale", integers(5, 1, low=1, high=9)).astype(np.float32) / 64
    scaled = np.zeros(mask.shape, np.float32)
    scaled[mask == 1] = data
    scaled *= scale

    def from_integers() -> object:
        sparse_mask, kept = mb.constexpr_sparse_blockwise_shift_scale(
            data_mask=_integer(mask, types.uint1),
            nonzero_data=_integer(data, types.int4),
            scale=scale.astype(np.float16),
        )
        return mb.constexpr_sparse_to_dense(nonzero_data=kept, mask=sparse_mask)

    yield _linear_case("constexpr_sparse_blockwise_shift_scale", "int4_rows", IOS18_HALF, from_integers, scaled)

    lut_indices = sample("joint/quantized_lut/indices", integers(4, 6, low=0, high=16))
    lut_data = sample("joint/quantized_lut/data", integers(2, 1, 16, 1, low=-128, high=128))
    lut_scale = sample("joint/quantized_lut/scale", integers(2, 1, 1, 1, low=1, high=9)) / 64
    quantized = lut_data * lut_scale

    def from_quantized_table() -> object:
        lut = mb.constexpr_blockwise_shift_scale(
            data=lut_data.astype(np.int8), scale=lut_scale.astype(np.float16)
        )
        return mb.constexpr_lut_to_dense(indices=_integer(lut_indices, types.uint4), lut=lut)

    yield _linear_case(
        "constexpr_lut_to_dense",
        "quantized_table",
        IOS18_HALF,
        from_quantized_table,
        quantized[np.arange(4)[:, None] // 2, 0, lut_indices, 0],
    )


def _added(op: str, name: str, target: Target, weight: object, decoded: np.ndarray) -> list[Case]:
    """y = x + weight, for weights of any rank."""
    half = target.precision == "fp16"

    def body(x: object) -> object:
        return mb.add(x=x, y=mb.cast(x=weight(), dtype="fp32") if half else weight())

    return mb_case(
        op, name, body, lambda x: x + torch.from_numpy(decoded.astype(np.float32)), {"x": normal(*decoded.shape)}, [target]
    )


def _repeated(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Each entry for its whole block of a tensor of ``shape``."""
    for axis, size in enumerate(shape):
        values = np.repeat(values, size // values.shape[axis], axis)
    return values


def _other_ranks() -> Iterator[list[Case]]:
    """Blocks in one, three and four dimensions, every number of bits, floats as data and as offset."""
    shape = (4, 2, 6)
    groups = (2, 1, 3)
    for name, kind, offset_kind in (
        ("fp16_blocks_offset", types.fp16, types.fp16),
        ("uint4_float_offset", types.uint4, types.fp16),
        ("int8_offset", types.int8, types.int8),
    ):
        low = 0 if name.startswith("uint") else -8
        data = sample(f"ranks/{name}/data", integers(*shape, low=low, high=low + 16))
        scale = sample(f"ranks/{name}/scale", integers(*groups, low=1, high=9)).astype(np.float32) / 64
        offset = sample(f"ranks/{name}/offset", integers(*groups, low=low, high=low + 16))
        yield _added(
            "constexpr_blockwise_shift_scale",
            f"rank3_{name}",
            IOS18_HALF,
            lambda data=data, scale=scale, offset=offset, kind=kind, offset_kind=offset_kind: (
                mb.constexpr_blockwise_shift_scale(
                    data=_integer(data, kind), scale=scale.astype(np.float16), offset=_integer(offset, offset_kind)
                )
            ),
            _repeated(scale, shape) * (data - _repeated(offset, shape)),
        )
    for bits, kind in ((3, types.uint3), (6, types.uint6)):
        indices = sample(f"ranks/lut{bits}/indices", integers(2, 3, 2, 2, low=0, high=2**bits))
        table = sample(f"ranks/lut{bits}/table", normal(2, 1, 1, 2, 2**bits, 3))
        one = np.indices(indices.shape)
        vectors = table[one[0], 0, 0, one[3], indices]
        yield _added(
            "constexpr_lut_to_dense",
            f"{bits}bit_rank4_vectors_of_3",
            IOS18,
            lambda indices=indices, table=table, kind=kind: mb.constexpr_lut_to_dense(
                indices=_integer(indices, kind), lut=table, vector_axis=-3
            ),
            np.moveaxis(vectors, -1, 2).reshape(2, 9, 2, 2),
        )
    for bits, kind in ((1, types.uint1), (3, types.uint3), (4, types.uint4), (6, types.uint6), (8, types.uint8)):
        mask = sample(f"ranks/sparse{bits}/mask", integers(4, 3, 2, low=0, high=2))
        indices = sample(f"ranks/sparse{bits}/indices", integers(int(mask.sum()), low=0, high=2**bits))
        table = sample(f"ranks/sparse{bits}/table", normal(2, 1, 1, 2**bits, 1))
        dense = np.zeros(mask.shape, np.float32)
        dense[mask == 1] = table[np.nonzero(mask)[0] // 2, 0, 0, indices, 0]

        def from_table(mask: np.ndarray = mask, indices: np.ndarray = indices, table: np.ndarray = table, kind: type = kind) -> object:
            sparse_mask, kept = mb.constexpr_lut_to_sparse(
                indices_mask=_integer(mask, types.uint1), indices_nonzero_data=_integer(indices, kind), lut=table
            )
            return mb.constexpr_sparse_to_dense(nonzero_data=kept, mask=sparse_mask)

        yield _added("constexpr_lut_to_sparse", f"{bits}bit_rank3_groups", IOS18, from_table, dense)
    for name, kind, low in (("uint4_offset", types.uint4, 0), ("int8_offset", types.int8, -8)):
        mask = sample(f"ranks/scaled_{name}/mask", integers(4, 6, low=0, high=2))
        data = sample(f"ranks/scaled_{name}/data", integers(int(mask.sum()), low=low, high=low + 16))
        scale = sample(f"ranks/scaled_{name}/scale", integers(2, 3, low=1, high=9)).astype(np.float32) / 64
        offset = sample(f"ranks/scaled_{name}/offset", integers(2, 3, low=low, high=low + 16))
        whole = np.zeros(mask.shape)
        whole[mask == 1] = data
        whole = np.where(mask, _repeated(scale, mask.shape) * (whole - _repeated(offset, mask.shape)), 0)

        def from_integers(
            mask: np.ndarray = mask,
            data: np.ndarray = data,
            scale: np.ndarray = scale,
            offset: np.ndarray = offset,
            kind: type = kind,
        ) -> object:
            sparse_mask, kept = mb.constexpr_sparse_blockwise_shift_scale(
                data_mask=_integer(mask, types.uint1),
                nonzero_data=_integer(data, kind),
                scale=scale,
                offset=_integer(offset, kind),
            )
            return mb.constexpr_sparse_to_dense(nonzero_data=kept, mask=sparse_mask)

        yield _added("constexpr_sparse_blockwise_shift_scale", f"{name}_blocks", IOS18, from_integers, whole)
    flat = sample("ranks/affine/data", integers(5, low=-128, high=128)).astype(np.int8)
    steps = sample("ranks/affine/scale", integers(5, low=1, high=9)).astype(np.float32) / 64
    yield _added(
        "constexpr_affine_dequantize",
        "rank1_scalar_zero_point",
        IOS18,
        lambda: mb.constexpr_affine_dequantize(quantized_data=flat, zero_point=np.int8(-3), scale=steps, axis=0),
        steps * (flat.astype(np.float32) + 3),
    )


def _cast() -> Iterator[list[Case]]:
    weight = sample("constexpr_cast/weight", normal(5, 7))
    for target in (IOS16, IOS17, IOS18):
        yield _linear_case(
            "constexpr_cast",
            "linear",
            target,
            lambda: mb.constexpr_cast(source_val=weight.astype(np.float16), output_dtype="fp32"),
            weight,
        )


def _optimized() -> Iterator[list[Case]]:
    """Weights that the compressed form holds exactly: the original module gives the expected values."""
    grid = sample("optimized/integers", integers(8, 3, 3, 3, low=-127, high=128))
    grid[:, 0, 0, 0] = 127  # the largest value of each channel, so that the scale comes out as 1/64
    eight_bit = grid.astype(np.float32) / 64
    sixteen = sample("optimized/table", normal(16))[sample("optimized/indices", integers(8, 3, 3, 3, low=0, high=16))]
    sparse = sample("optimized/dense", normal(8, 3, 3, 3)) * (grid > 0)
    linear = cto.OptimizationConfig(
        global_config=cto.OpLinearQuantizerConfig(mode="linear_symmetric", weight_threshold=0)
    )
    palette = cto.OptimizationConfig(global_config=cto.OpPalettizerConfig(mode="unique", weight_threshold=0))
    prune = cto.OptimizationConfig(
        global_config=cto.OpThresholdPrunerConfig(threshold=1e-6, minimum_sparsity_percentile=0.1, weight_threshold=0)
    )
    for op, new_op, weight, compress in (
        (
            "constexpr_affine_dequantize",
            "constexpr_blockwise_shift_scale",
            eight_bit,
            lambda model: cto.linear_quantize_weights(model, linear),
        ),
        ("constexpr_lut_to_dense", None, sixteen, lambda model: cto.palettize_weights(model, palette)),
        ("constexpr_sparse_to_dense", None, sparse, lambda model: cto.prune_weights(model, prune)),
    ):
        for target in (IOS16, IOS17_HALF, IOS18, IOS18_HALF):
            layer = torch.nn.Conv2d(3, 8, 3, padding=1, bias=False)
            layer.weight.data = torch.from_numpy(weight)
            name = new_op if new_op and target.opset == "iOS18" else op
            for case in torch_case(name, "optimized_conv", layer, {"x": normal(2, 3, 5, 4)}, [target]):
                yield [replace(case, convert=lambda case=case, compress=compress: compress(case.convert()))]
