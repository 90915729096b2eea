"""Recurrent layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from coremltools.converters.mil.mil import Builder as mb

from case import (
    EVERY_OPSET,
    IOS15,
    IOS16,
    IOS17,
    IOS17_HALF,
    IOS18,
    IOS18_HALF,
    Case,
    mb_case,
    normal,
    sample,
    torch_case,
)

STEPS, BATCH, FEATURES, HIDDEN = 5, 2, 3, 4
FULL_OR_HALF = (IOS15, IOS17_HALF)

Activation = Callable[[torch.Tensor], torch.Tensor]
# Keras's hard sigmoid, after which Core ML's is made.
ACTIVATIONS: dict[str, Activation] = {
    "hard_sigmoid": lambda x: (0.2 * x + 0.5).clamp(0, 1),
    "linear": lambda x: x,
    "relu": torch.relu,
    # With its default factors, which are 1, says coremltools' own test of the runtime (TestLSTM.test_numpy_numerical).
    "scaled_tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
}


def cases() -> Iterator[list[Case]]:
    yield from _lstm()
    yield from _gru()
    yield from _rnn()


def _inputs(states: int = 1, directions: int = 1, steps: int = STEPS) -> dict[str, object]:
    names = ["h", "c"][:states]
    return {"x": normal(steps, BATCH, FEATURES)} | {name: normal(BATCH, directions * HIDDEN) for name in names}


def _weights(key: str, gates: int, bias: bool = True) -> dict[str, np.ndarray]:
    def drawn(name: str, *shape: int) -> np.ndarray:
        return sample(f"recurrent/{key}/{name}", normal(*shape, scale=0.6))

    found = {
        "weight_ih": drawn("weight_ih", gates * HIDDEN, FEATURES),
        "weight_hh": drawn("weight_hh", gates * HIDDEN, HIDDEN),
    }
    return found | ({"bias": drawn("bias", gates * HIDDEN)} if bias else {})


def _tensors(weights: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(value) for name, value in weights.items()}


def _run(
    step: Callable[..., tuple[torch.Tensor, ...]],
    x: torch.Tensor,
    states: tuple[torch.Tensor, ...],
    *,
    is_reversed: bool,
    output_sequence: bool,
) -> list[torch.Tensor]:
    """The outputs in the order in which they are made, and the last states."""
    outputs = []
    for entry in x.flip(0) if is_reversed else x:
        states = step(entry, *states)
        outputs.append(states[0])
    return [torch.stack(outputs) if output_sequence else outputs[-1][None], *states]


def _lstm_step(
    weights: dict[str, np.ndarray],
    peephole: np.ndarray | None = None,
    clip: float | None = None,
    gate: Activation = torch.sigmoid,
    cell: Activation = torch.tanh,
    output: Activation = torch.tanh,
) -> Callable[..., tuple[torch.Tensor, torch.Tensor]]:
    """Gates in the order input, forget, output, cell."""
    given = _tensors(weights)
    peeps = torch.zeros(3, HIDDEN) if peephole is None else torch.from_numpy(peephole).reshape(3, HIDDEN)

    def step(x: torch.Tensor, h: torch.Tensor, c: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        sums = x @ given["weight_ih"].T + h @ given["weight_hh"].T + given.get("bias", 0)
        i, f, o, z = sums.chunk(4, -1)
        c_next = gate(f + peeps[1] * c) * c + gate(i + peeps[0] * c) * cell(z)
        if clip is not None:
            c_next = c_next.clamp(-clip, clip)
        return gate(o + peeps[2] * c_next) * output(c_next), c_next

    return step


class _Layer(torch.nn.Module):
    """A recurrent layer of PyTorch with weights that matter, and its results in a row."""

    def __init__(self, layer: torch.nn.RNNBase) -> None:
        super().__init__()
        self.layer = layer
        for name, parameter in layer.named_parameters():
            parameter.data = torch.from_numpy(sample(f"layer/{name}", normal(*parameter.shape, scale=0.6)))

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        y, state = self.layer(x)
        return [y, *(state if isinstance(state, tuple) else [state])]


def _lstm() -> Iterator[list[Case]]:
    made = torch.nn.LSTM
    batch_first = {"x": normal(BATCH, STEPS, FEATURES)}
    steps_first = {"x": normal(STEPS, BATCH, FEATURES)}
    yield torch_case("lstm", "torch", _Layer(made(FEATURES, HIDDEN)), steps_first, EVERY_OPSET)
    yield torch_case(
        "lstm",
        "torch_two_layers_bidirectional",
        _Layer(made(FEATURES, HIDDEN, num_layers=2, bidirectional=True, batch_first=True)),
        batch_first,
        FULL_OR_HALF,
    )
    yield torch_case(
        "lstm", "torch_without_bias", _Layer(made(FEATURES, HIDDEN, bias=False, batch_first=True)), batch_first, [IOS18]
    )
    weights, back = _weights("lstm", 4), _weights("lstm_back", 4)
    peephole, peephole_back = (sample(f"recurrent/{key}", normal(3 * HIDDEN)) for key in ("peephole", "peephole_back"))
    for direction in ("forward", "reverse"):
        for sequence in (False, True):
            yield mb_case(
                "lstm",
                f"{direction}_{'sequence' if sequence else 'last'}",
                lambda x, h, c, direction=direction, sequence=sequence: mb.lstm(
                    x=x, initial_h=h, initial_c=c, **weights, direction=direction, output_sequence=sequence
                ),
                lambda x, h, c, direction=direction, sequence=sequence: _run(
                    _lstm_step(weights), x, (h, c), is_reversed=direction == "reverse", output_sequence=sequence
                ),
                _inputs(2),
                FULL_OR_HALF if direction == "reverse" else [IOS16],
            )
    yield mb_case(
        "lstm",
        "peephole",
        lambda x, h, c: mb.lstm(x=x, initial_h=h, initial_c=c, **weights, peephole=peephole, output_sequence=True),
        lambda x, h, c: _run(
            _lstm_step(weights, peephole), x, (h, c), is_reversed=False, output_sequence=True
        ),
        _inputs(2),
        [IOS15, IOS18_HALF],
    )
    yield mb_case(
        "lstm",
        "clip",
        lambda x, h, c: mb.lstm(
            x=x, initial_h=h, initial_c=c, **weights, clip=np.float32(0.5), output_sequence=True
        ),
        lambda x, h, c: _run(_lstm_step(weights, clip=0.5), x, (h, c), is_reversed=False, output_sequence=True),
        _inputs(2),
        [IOS15],
    )
    for gate, cell, output in (
        ("hard_sigmoid", "relu", "linear"),
        ("sigmoid", "linear", "sigmoid"),
        ("tanh", "hard_sigmoid", "relu"),
        ("sigmoid", "scaled_tanh", "scaled_tanh"),
    ):
        yield mb_case(
            "lstm",
            f"activations_{gate}_{cell}_{output}",
            lambda x, h, c, gate=gate, cell=cell, output=output: mb.lstm(
                x=x,
                initial_h=h,
                initial_c=c,
                **weights,
                recurrent_activation=gate,
                cell_activation=cell,
                activation=output,
                output_sequence=True,
            ),
            lambda x, h, c, gate=gate, cell=cell, output=output: _run(
                _lstm_step(
                    weights, gate=ACTIVATIONS[gate], cell=ACTIVATIONS[cell], output=ACTIVATIONS[output]
                ),
                x,
                (h, c),
                is_reversed=False,
                output_sequence=True,
            ),
            _inputs(2),
            [IOS17],
        )

    def both(x: torch.Tensor, h: torch.Tensor, c: torch.Tensor, sequence: bool) -> list[torch.Tensor]:
        forth = _run(
            _lstm_step(weights, peephole),
            x,
            (h[:, :HIDDEN], c[:, :HIDDEN]),
            is_reversed=False,
            output_sequence=sequence,
        )
        return_trip = _run(
            _lstm_step(back, peephole_back),
            x,
            (h[:, HIDDEN:], c[:, HIDDEN:]),
            is_reversed=True,
            output_sequence=sequence,
        )
        aligned = [return_trip[0].flip(0), *return_trip[1:]]
        return [torch.cat(pair, -1) for pair in zip(forth, aligned, strict=True)]

    for sequence in (False, True):
        yield mb_case(
            "lstm",
            f"bidirectional_{'sequence' if sequence else 'last'}",
            lambda x, h, c, sequence=sequence: mb.lstm(
                x=x,
                initial_h=h,
                initial_c=c,
                **weights,
                peephole=peephole,
                **{f"{name}_back": value for name, value in back.items()},
                peephole_back=peephole_back,
                direction="bidirectional",
                output_sequence=sequence,
            ),
            lambda x, h, c, sequence=sequence: both(x, h, c, sequence),
            _inputs(2, directions=2),
            FULL_OR_HALF,
        )


def _gru_step(
    weights: dict[str, np.ndarray],
    gate: Activation = torch.sigmoid,
    activation: Activation = torch.tanh,
    *,
    reset_after: bool = False,
) -> Callable[..., tuple[torch.Tensor]]:
    """Gates in the order reset, new, update."""
    given = _tensors(weights)
    bias = given.get("bias", torch.zeros(3 * HIDDEN)).chunk(3)
    matrices = given["weight_hh"].chunk(3)

    def step(x: torch.Tensor, h: torch.Tensor) -> tuple[torch.Tensor]:
        r, n, z = (x @ given["weight_ih"].T + given.get("input_bias", 0)).chunk(3, -1)
        reset = gate(r + h @ matrices[0].T + bias[0])
        update = gate(z + h @ matrices[2].T + bias[2])
        past = reset * (h @ matrices[1].T + bias[1]) if reset_after else (reset * h) @ matrices[1].T + bias[1]
        return ((1 - update) * activation(n + past) + update * h,)

    return step


def _gru() -> Iterator[list[Case]]:
    weights = _weights("gru", 3)
    input_bias = sample("recurrent/gru/input_bias", normal(3 * HIDDEN))
    for direction in ("forward", "reverse"):
        for sequence in (False, True):
            yield mb_case(
                "gru",
                f"{direction}_{'sequence' if sequence else 'last'}",
                lambda x, h, direction=direction, sequence=sequence: mb.gru(
                    x=x, initial_h=h, **weights, direction=direction, output_sequence=sequence
                ),
                lambda x, h, direction=direction, sequence=sequence: _run(
                    _gru_step(weights), x, (h,), is_reversed=direction == "reverse", output_sequence=sequence
                ),
                _inputs(),
                FULL_OR_HALF if direction == "reverse" else [IOS16, IOS18],
            )
    bare = _weights("gru_bare", 3, bias=False)
    yield mb_case(
        "gru",
        "activations_without_bias",
        lambda x, h: mb.gru(
            x=x,
            initial_h=h,
            **bare,
            recurrent_activation="hard_sigmoid",
            activation="relu",
            output_sequence=True,
        ),
        lambda x, h: _run(
            _gru_step(bare, ACTIVATIONS["hard_sigmoid"], torch.relu),
            x,
            (h,),
            is_reversed=False,
            output_sequence=True,
        ),
        _inputs(),
        [IOS15],
    )
    for reset_after in (False, True):
        more = {"input_bias": input_bias, "reset_after": reset_after}
        yield mb_case(
            "gru",
            f"reset_{'after' if reset_after else 'before'}_input_bias",
            lambda x, h, more=more: mb.gru(x=x, initial_h=h, **weights, **more, output_sequence=True),
            lambda x, h, reset_after=reset_after: _run(
                _gru_step(weights | {"input_bias": input_bias}, reset_after=reset_after),
                x,
                (h,),
                is_reversed=False,
                output_sequence=True,
            ),
            _inputs(),
            [IOS18, IOS18_HALF],
        )
    yield mb_case("gru", "reset_after_as_torch", _as_torch_gru_layer, _torch_gru_layer, _inputs(), [IOS18])


def _torch_gru() -> torch.nn.GRU:
    return _Layer(torch.nn.GRU(FEATURES, HIDDEN)).layer


def _as_torch_gru_layer(x: object, h: object) -> object:
    """PyTorch keeps the gates in the order reset, update, new."""
    reordered = {
        name: np.concatenate([np.split(value.detach().numpy(), 3)[part] for part in (0, 2, 1)])
        for name, value in _torch_gru().named_parameters()
    }
    return mb.gru(
        x=x,
        initial_h=h,
        weight_ih=reordered["weight_ih_l0"],
        weight_hh=reordered["weight_hh_l0"],
        bias=reordered["bias_hh_l0"],
        input_bias=reordered["bias_ih_l0"],
        reset_after=True,
        output_sequence=True,
    )


def _torch_gru_layer(x: torch.Tensor, h: torch.Tensor) -> list[torch.Tensor]:
    y, state = _torch_gru()(x, h[None])
    return [y, state[0]]


def _rnn() -> Iterator[list[Case]]:
    for nonlinearity, targets in (("tanh", EVERY_OPSET), ("relu", FULL_OR_HALF)):
        yield torch_case(
            "rnn",
            f"torch_{nonlinearity}",
            _Layer(torch.nn.RNN(FEATURES, HIDDEN, num_layers=2, nonlinearity=nonlinearity)),
            {"x": normal(STEPS, BATCH, FEATURES)},
            targets,
        )
    weights, bare = _weights("rnn", 1), _weights("rnn_bare", 1, bias=False)

    def step(given: dict[str, np.ndarray], activation: Activation) -> Callable[..., tuple[torch.Tensor]]:
        known = _tensors(given)
        return lambda x, h: (
            activation(x @ known["weight_ih"].T + h @ known["weight_hh"].T + known.get("bias", 0)),
        )

    for name, given, activation, direction, sequence, targets in (
        ("last", weights, "tanh", "forward", False, [IOS16, IOS18_HALF]),
        ("reverse_sequence", weights, "sigmoid", "reverse", True, FULL_OR_HALF),
        ("reverse_last", bare, "linear", "reverse", False, [IOS17]),
    ):
        yield mb_case(
            "rnn",
            name,
            lambda x, h, given=given, activation=activation, direction=direction, sequence=sequence: mb.rnn(
                x=x, initial_h=h, **given, activation=activation, direction=direction, output_sequence=sequence
            ),
            lambda x, h, given=given, activation=activation, direction=direction, sequence=sequence: _run(
                step(given, ACTIVATIONS[activation]),
                x,
                (h,),
                is_reversed=direction == "reverse",
                output_sequence=sequence,
            ),
            _inputs(),
            targets,
        )
