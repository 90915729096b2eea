"""Control flow, class labels and state."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import coremltools as ct
import numpy as np
import torch
from coremltools.converters.mil.mil import Builder as mb
from coremltools.converters.mil.mil import Function, Program, types

from case import (
    EVERY_OPSET,
    IOS15,
    IOS16,
    IOS16_HALF,
    IOS17_HALF,
    IOS18,
    IOS18_HALF,
    Case,
    Target,
    Tensors,
    as_torch,
    convert_torch,
    floats,
    ints,
    mb_case,
    named_results,
    normal,
    sample,
)


def cases() -> Iterator[list[Case]]:
    yield from _cond()
    yield from _while_loop()
    yield from _classify()
    yield from _state()


def _first(x: object) -> object:
    """The only element of a vector of length 1, as a scalar."""
    return mb.squeeze(x=x, axes=[0])


def _cond() -> Iterator[list[Case]]:
    both = [{"flag": floats([flag]), "a": normal(2, 3), "b": normal(2, 3)} for flag in (1.0, -1.0)]
    yield mb_case(
        "cond",
        "add_or_sub",
        lambda flag, a, b: mb.cond(
            pred=mb.greater(x=_first(flag), y=np.float32(0)),
            _true_fn=lambda: mb.add(x=a, y=b),
            _false_fn=lambda: mb.sub(x=a, y=b),
        ),
        lambda flag, a, b: a + b if flag.item() > 0 else a - b,
        {},
        EVERY_OPSET,
        calls=both,
    )
    yield mb_case(
        "cond",
        "two_outputs",
        lambda flag, a, b: mb.cond(
            pred=mb.greater(x=_first(flag), y=np.float32(0)),
            _true_fn=lambda: (mb.mul(x=a, y=b), mb.relu(x=a)),
            _false_fn=lambda: (mb.tanh(x=a), mb.identity(x=b)),
        ),
        lambda flag, a, b: [a * b, torch.relu(a)] if flag.item() > 0 else [torch.tanh(a), b],
        {},
        [IOS16, IOS18_HALF],
        calls=both,
    )
    yield mb_case(
        "cond",
        "nested",
        lambda flag, a, b: mb.cond(
            pred=mb.greater(x=_first(flag), y=0),
            _true_fn=lambda: mb.cond(
                pred=mb.greater(x=_first(flag), y=5),
                _true_fn=lambda: mb.exp(x=a),
                _false_fn=lambda: mb.sin(x=b),
            ),
            _false_fn=lambda: mb.maximum(x=a, y=b),
        ),
        lambda flag, a, b: (a.exp() if flag.item() > 5 else b.sin()) if flag.item() > 0 else torch.maximum(a, b),
        {},
        [IOS15, IOS17_HALF],
        calls=[{"flag": ints([flag]), "a": normal(2, 3), "b": normal(2, 3)} for flag in (9, 3, -3)],
    )


def _while_loop() -> Iterator[list[Case]]:
    def doubled(count: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return x * 2 ** int(count[0])

    yield mb_case(
        "while_loop",
        "double",
        lambda count, x: mb.while_loop(
            _cond=lambda i, value: mb.greater(x=i, y=0),
            _body=lambda i, value: (mb.sub(x=i, y=1), mb.add(x=value, y=value)),
            loop_vars=(_first(count), x),
        )[1],
        doubled,
        {},
        [IOS15, IOS17_HALF],
        calls=[{"count": ints([n]), "x": normal(2, 3)} for n in (3, 0)],
    )

    def alternating(count: torch.Tensor, x: torch.Tensor) -> list[torch.Tensor]:
        value = x
        for i in range(int(count[0])):
            value = value + x if i % 2 == 0 else value - 1
        return [count[0].clamp(min=0), value]

    yield mb_case(
        "while_loop",
        "holds_a_cond",
        lambda count, x: mb.while_loop(
            _cond=lambda i, value: mb.less(x=i, y=_first(count)),
            _body=lambda i, value: (
                mb.add(x=i, y=1),
                mb.cond(
                    pred=mb.equal(x=mb.mod(x=i, y=2), y=0),
                    _true_fn=lambda: mb.add(x=value, y=x),
                    _false_fn=lambda: mb.sub(x=value, y=np.float32(1)),
                ),
            ),
            loop_vars=(0, x),
        ),
        alternating,
        {},
        [IOS15, IOS18_HALF],
        calls=[{"count": ints([n]), "x": normal(2, 3)} for n in (3, 0, 4)],
    )

    yield mb_case(
        "while_loop",
        "nested",
        lambda rows, x: mb.while_loop(
            _cond=lambda i, total: mb.less(x=i, y=2),
            _body=lambda i, total: (
                mb.add(x=i, y=1),
                mb.while_loop(
                    _cond=lambda j, inner: mb.less(x=j, y=mb.gather(x=rows, indices=i, axis=0)),
                    _body=lambda j, inner: (
                        mb.add(x=j, y=1),
                        mb.add(
                            x=inner,
                            y=mb.real_div(
                                x=mb.cast(x=mb.mul(x=j, y=mb.add(x=j, y=1)), dtype="fp32"), y=np.float32(2)
                            ),
                        ),
                    ),
                    loop_vars=(0, total),
                )[1],
            ),
            loop_vars=(0, mb.mul(x=x, y=np.float32(0))),
        )[1],
        lambda rows, x: torch.zeros_like(x) + sum(j * (j + 1) / 2 for n in rows.tolist() for j in range(n)),
        {},
        [IOS15],
        calls=[{"rows": ints([3, 4]), "x": normal(2, 3)}, {"rows": ints([0, 2]), "x": normal(2, 3)}],
    )


def _classify() -> Iterator[list[Case]]:
    """A classifier's probabilities are stored in label order as ``out/probabilities``, its label in the index."""
    strings = ["cat", "dog", "Größe, \"quoted\"", "bird"]
    numbers = [7, -2, 30000000000, 0]
    for name, labels, shape, targets in (
        ("strings", strings, (1, 4), [IOS15, IOS16_HALF, IOS18_HALF]),
        ("int64", numbers, (1, 4), [IOS15, IOS17_HALF, IOS18]),
        ("vector", strings, (4,), [IOS16]),
        ("spatial", strings, (1, 4, 1, 1), [IOS17_HALF]),
    ):
        axis = 0 if len(shape) == 1 else 1
        made = mb_case(
            "classify",
            name,
            lambda x, axis=axis: mb.softmax(x=x, axis=axis),
            lambda x, axis=axis: torch.softmax(x, axis).flatten(),
            {"x": normal(*shape)},
            targets,
            outputs=["softmax"],
            classifier=ct.ClassifierConfig(labels),
        )
        for case in made:
            probabilities = case.expect(case.calls[0])["softmax"]
            yield [
                replace(
                    case,
                    convert=named_probabilities(case.convert),
                    expect=lambda call, probabilities=probabilities: {"probabilities": probabilities},
                    label=labels[int(probabilities.argmax())],
                )
            ]


def named_probabilities(convert: Callable[[], ct.models.MLModel]) -> Callable[[], ct.models.MLModel]:
    """Renames the output ``classLabel_probs`` to ``probabilities`` with coremltools' own function."""

    def renamed() -> ct.models.MLModel:
        model = convert()
        spec = model.get_spec()
        ct.utils.rename_feature(spec, "classLabel_probs", "probabilities")
        return ct.models.MLModel(spec, weights_dir=model.weights_dir, skip_model_load=True)

    return renamed


class _Accumulator(torch.nn.Module):
    """Adds the input to the state and returns twice the sum."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("total", torch.zeros(2, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.total.add_(x)
        return self.total * 2


class _Cache(torch.nn.Module):
    """A key cache of eight positions; each call writes one and returns the scores of a query against all of them."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("keys", torch.zeros(1, 8, 4))

    def forward(self, key: torch.Tensor, query: torch.Tensor, position: torch.Tensor) -> torch.Tensor:
        begin = position[0]
        self.keys[:, begin : begin + 1] = key
        return query @ self.keys.transpose(1, 2)


class _Shift(torch.nn.Module):
    """A sliding window over the last three inputs, written with fixed positions."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("window", torch.zeros(3, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shifted = torch.cat([self.window[1:], x], 0)
        self.window[:] = shifted
        return shifted.sum(0)


def stateful_case(
    op: str,
    name: str,
    module: torch.nn.Module,
    calls: Sequence[dict[str, object]],
    targets: Sequence[Target],
    reference: torch.nn.Module | None = None,
) -> list[Case]:
    """A case whose state is the buffers of ``module``; the expected values come from one run of all calls in order.

    A state is fp16 whatever the compute precision. Where its contents are not exact in fp16, ``reference`` is the same
    module with a state that rounds.
    """
    sampled = [
        {key: sample(f"{op}/{name}/{index}/{key}", sampler) for key, sampler in call.items()}
        for index, call in enumerate(calls)
    ]
    start = {key: value.clone() for key, value in module.named_buffers()}

    def reset() -> None:
        for key, value in start.items():
            getattr(module, key).copy_(value)

    with torch.no_grad():
        results = [named_results((reference or module)(*as_torch(call).values())) for call in sampled]
        reset()
    expected = {id(call): result for call, result in zip(sampled, results, strict=True)}

    def expect(call: Tensors) -> Tensors:
        return expected[id(call)]

    @torch.no_grad()
    def convert(target: Target) -> ct.models.MLModel:
        reset()
        states = [
            ct.StateType(wrapped_type=ct.TensorType(shape=tuple(value.shape), dtype=np.float16), name=key)
            for key, value in start.items()
        ]
        model = convert_torch(module, sampled[0], target, results[0], states=states)
        reset()
        return model

    return [
        Case(op, name, target, "torch", sampled, lambda target=target: convert(target), expect) for target in targets
    ]


def _state() -> Iterator[list[Case]]:
    both = (IOS18, IOS18_HALF)
    yield stateful_case("read_state", "accumulator", _Accumulator(), [{"x": normal(2, 3)} for _ in range(3)], both)
    yield stateful_case("write_state", "sliding_window", _Shift(), [{"x": normal(1, 2)} for _ in range(4)], both)
    yield stateful_case(
        "write_state",
        "key_cache",
        _Cache(),
        [{"key": normal(1, 1, 4), "query": normal(1, 1, 4), "position": ints([n])} for n in (0, 1, 6)],
        both,
    )
    yield _read_before_write()


def _read_before_write() -> list[Case]:
    """The value read before the write must be the old one."""
    calls = [{"x": sample(f"read_state/old_value/{index}/x", normal(3))} for index in range(3)]
    previous = [np.zeros(3, np.float32), *(call["x"] for call in calls)]
    expected = {id(call): {"y": previous[index] * 3 + call["x"]} for index, call in enumerate(calls)}

    def convert() -> ct.models.MLModel:
        program = Program()
        state = mb.state_tensor_placeholder((3,), types.fp16)
        placeholder = mb.placeholder(shape=(3,), dtype=types.fp32, name="x")
        with Function({"x": placeholder, "memory": state}, opset_version=ct.target.iOS18) as function:
            x = function.inputs["x"]
            old = mb.read_state(input=function.inputs["memory"])
            mb.coreml_update_state(state=function.inputs["memory"], value=mb.cast(x=x, dtype="fp16"))
            y = mb.add(x=mb.mul(x=mb.cast(x=old, dtype="fp32"), y=np.float32(3)), y=x, name="y")
            function.set_outputs([y])
        program.add_function("main", function)
        return ct.convert(
            program,
            minimum_deployment_target=ct.target.iOS18,
            compute_precision=ct.precision.FLOAT32,
            skip_model_load=True,
        )

    return [Case("read_state", "old_value", IOS18, "mb", calls, convert, lambda call: expected[id(call)])]
