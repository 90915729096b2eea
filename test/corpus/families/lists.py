"""Lists of tensors, in and outside of loops."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from coremltools.converters.mil.mil import Builder as mb

from case import EVERY_OPSET, IOS15, IOS17_HALF, IOS18, Case, ints, integers, mb_case, normal

FULL_OR_HALF = (IOS15, IOS17_HALF)
ROWS = {"x": normal(4, 3)}


def cases() -> Iterator[list[Case]]:
    yield from _in_loops()
    yield from _outside()


def _filled(x: object, count: object, *, is_dynamic: bool) -> object:
    """A list of the running sums of the first `count` rows of x."""

    def body(i: object, total: object, ls: object) -> tuple[object, ...]:
        total = mb.add(x=total, y=mb.gather(x=x, indices=i, axis=0))
        return mb.add(x=i, y=1), total, mb.list_write(ls=ls, index=i, value=total)

    return mb.while_loop(
        _cond=lambda i, total, ls: mb.less(x=i, y=count),
        _body=body,
        loop_vars=(
            0,
            mb.fill(shape=[3], value=0.0),
            mb.make_list(init_length=1 if is_dynamic else 4, dynamic_length=is_dynamic, elem_shape=(3,), dtype="fp32"),
        ),
    )[2]


def _in_loops() -> Iterator[list[Case]]:
    yield mb_case(
        "list_write",
        "loop_fixed",
        lambda x: mb.list_gather(ls=_filled(x, 4, is_dynamic=False), indices=[3, 0, 1]),
        lambda x: x.cumsum(0)[[3, 0, 1]],
        ROWS,
        EVERY_OPSET,
    )
    yield mb_case(
        "list_write",
        "loop_growing",
        lambda x: mb.list_gather(ls=_filled(x, 4, is_dynamic=True), indices=[2, 3]),
        lambda x: x.cumsum(0)[[2, 3]],
        ROWS,
        FULL_OR_HALF,
    )
    yield mb_case(
        "list_length",
        "loop_growing",
        lambda count, x: mb.list_length(ls=_filled(x, mb.squeeze(x=count, axes=[0]), is_dynamic=True)),
        lambda count, x: torch.tensor(max(1, int(count[0])), dtype=torch.int32),
        {},
        [IOS15, IOS18],
        calls=[{"count": ints([n]), **ROWS} for n in (3, 0)],
    )


def _outside() -> Iterator[list[Case]]:
    def fixed(dtype: str = "fp32", length: int = 5, shape: tuple[int, ...] = (3,)) -> object:
        return mb.make_list(init_length=length, dynamic_length=False, elem_shape=shape, dtype=dtype)

    def scattered(x: object, at: object) -> object:
        return mb.list_scatter(ls=fixed(), indices=at, value=x)

    yield mb_case(
        "list_scatter",
        "fixed",
        lambda x: mb.list_gather(ls=scattered(x, [4, 0, 2, 1]), indices=[0, 1, 2, 4]),
        lambda x: x[[1, 3, 2, 0]],
        ROWS,
        FULL_OR_HALF,
    )
    yield mb_case(
        "list_scatter",
        "growing_integer_matrices",
        lambda x: mb.list_gather(
            ls=mb.list_scatter(
                ls=mb.make_list(init_length=1, dynamic_length=True, elem_shape=(2, 2), dtype="int32"),
                indices=[0, 2, 1],
                value=x,
            ),
            indices=[1, 2],
        ),
        lambda x: x[[2, 1]],
        {"x": integers(3, 2, 2, low=-9, high=9)},
        [IOS15, IOS18],
    )
    yield mb_case(
        "list_read",
        "computed_position",
        lambda x, at: mb.list_read(ls=scattered(x, [0, 1, 2, 3]), index=mb.squeeze(x=at, axes=[0])),
        lambda x, at: x[int(at[0])],
        {},
        FULL_OR_HALF,
        calls=[ROWS | {"at": ints([n])} for n in (2, 0)],
    )
    yield mb_case(
        "list_gather",
        "computed_positions",
        lambda x, at: mb.list_gather(ls=scattered(x, [0, 1, 2, 3]), indices=at),
        lambda x, at: x[at.long()],
        ROWS | {"at": ints([3, 3, 1])},
        [IOS15, IOS18],
    )
    yield mb_case(
        "make_list",
        "booleans",
        lambda x: mb.cast(
            x=mb.list_read(
                ls=mb.list_write(ls=fixed("bool", 2, (4, 3)), index=1, value=mb.greater(x=x, y=0.0)), index=1
            ),
            dtype="fp32",
        ),
        lambda x: (x > 0).float(),
        ROWS,
        [IOS15],
    )
    yield mb_case(
        "make_list",
        "computed_length",
        lambda x, count: mb.list_gather(
            ls=mb.list_scatter(
                ls=mb.make_list(
                    init_length=mb.squeeze(x=count, axes=[0]), dynamic_length=False, elem_shape=(3,), dtype="fp32"
                ),
                indices=[3, 1, 0, 2],
                value=x,
            ),
            indices=[0, 1],
        ),
        lambda x, count: x[[2, 1]],
        ROWS | {"count": ints([4])},
        [IOS15],
    )
