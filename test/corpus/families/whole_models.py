"""A few whole models: flexible BERT, image classifier, several functions, state, enumerated shapes, optional input."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import coremltools as ct
import numpy as np
import torch
from coremltools.converters.mil.mil import Builder as mb
from coremltools.converters.mil.mil import types
from transformers import BertConfig, BertModel

from case import (
    IOS15,
    IOS16,
    IOS17_HALF,
    IOS18,
    IOS18_HALF,
    Case,
    Target,
    Tensors,
    as_torch,
    convert_torch,
    integers,
    ints,
    named_results,
    normal,
    sample,
    torch_case,
)
from families.control import named_probabilities, stateful_case

OP = "models"


def cases() -> Iterator[list[Case]]:
    yield from _bert()
    yield from _image_models()
    yield _functions()
    yield _decoder_step()
    yield from _enumerated()
    yield from _two_enumerated()
    yield from _optional_input()
    yield from _image_outputs()
    yield from _input_as_output()
    yield _eight_bit_interface()


def _weights(module: torch.nn.Module, key: str) -> torch.nn.Module:
    """Parameters with a spread of 0.2 (norm weights around 1), on the grid of 1/64, seeded by their names."""
    for name, parameter in module.named_parameters():
        shift = 1.0 if name.endswith(("norm.weight", "LayerNorm.weight")) else 0.0
        values = sample(f"{key}/{name}", normal(*parameter.shape, scale=0.2, shift=shift))
        parameter.data = torch.from_numpy(values)
    return module.eval()


class _Bert(torch.nn.Module):
    """BertModel with its additive mask made here: -1e4 stays finite in fp16, the library's minimum does not."""

    def __init__(self) -> None:
        super().__init__()
        config = BertConfig(
            vocab_size=60,
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=64,
            max_position_embeddings=32,
            attn_implementation="eager",
        )
        self.bert = _weights(BertModel(config), "bert")

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor) -> object:
        mask = (1.0 - attention_mask[:, None, None, :].float()) * -1e4
        embedded = self.bert.embeddings(input_ids=input_ids, token_type_ids=token_type_ids)
        hidden = self.bert.encoder(embedded, attention_mask=mask).last_hidden_state
        return hidden, self.bert.pooler(hidden)


def _bert() -> Iterator[list[Case]]:
    def call(length: int, kept: int) -> dict[str, object]:
        return {
            "input_ids": integers(1, length, low=0, high=60),
            "attention_mask": ints([[1] * kept + [0] * (length - kept)]),
            "token_type_ids": ints([[int(position > length // 2) for position in range(length)]]),
        }

    names = ("input_ids", "attention_mask", "token_type_ids")
    length = ct.RangeDim(lower_bound=1, upper_bound=32, default=12)
    yield torch_case(
        OP,
        "bert_flexible",
        _Bert(),
        {},
        [IOS16, IOS17_HALF],
        shapes={name: ct.Shape(shape=(1, length)) for name in names},
        calls=[call(12, 9), call(1, 1), call(7, 7), call(32, 20)],
        outputs=["last_hidden_state", "pooler_output"],
    )


class _Cnn(torch.nn.Module):
    """Two convolutions and a classifier head; returns probabilities."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.features = torch.nn.Sequential(
            torch.nn.Conv2d(channels, 6, 3, stride=2, padding=1),
            torch.nn.BatchNorm2d(6),
            torch.nn.ReLU(),
            torch.nn.Conv2d(6, 8, 3, padding=1, groups=2),
            torch.nn.Hardswish(),
            torch.nn.AdaptiveAvgPool2d(1),
        )
        self.head = torch.nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.softmax(self.head(self.features(x).flatten(1)), 1)


def _image_models() -> Iterator[list[Case]]:
    """Pixels are stored as fp32 integers 0..255 in the order of the package's colour planes."""
    labels = ["cat", "dog", "fish", "bird", "house, red"]
    for name, channels, layout, bias in (
        ("image_rgb", 3, ct.colorlayout.RGB, [-1.0, -0.9, -1.1]),
        ("image_gray", 1, ct.colorlayout.GRAYSCALE, -1.0),
    ):
        module = _weights(_Cnn(channels), name)
        scale = 1 / 127.5
        pixels = sample(f"{name}/image", integers(1, channels, 13, 10, low=0, high=256)).astype(np.float32)

        @torch.no_grad()
        def expect(call: Tensors, module: torch.nn.Module = module, bias: object = bias) -> Tensors:
            shift = torch.tensor(bias).reshape(1, -1, 1, 1)
            result = module(as_torch(call)["image"] * scale + shift)
            return named_results(result.flatten(), ["probabilities"])

        def convert(
            target: Target,
            module: torch.nn.Module = module,
            layout: object = layout,
            bias: object = bias,
            pixels: np.ndarray = pixels,
        ) -> ct.models.MLModel:
            traced = torch.jit.trace(module, torch.from_numpy(pixels), check_trace=False)
            return ct.convert(
                traced,
                inputs=[ct.ImageType(name="image", shape=pixels.shape, scale=scale, bias=bias, color_layout=layout)],
                classifier_config=ct.ClassifierConfig(labels),
                minimum_deployment_target=target.deployment,
                compute_precision=target.compute_precision,
                skip_model_load=True,
            )

        for target in (IOS15, IOS17_HALF):
            call = {"image": pixels}
            made = Case(
                OP, name, target, "torch", [call], lambda convert=convert, target=target: convert(target), expect
            )
            winner = labels[int(expect(call)["probabilities"].argmax())]
            yield [replace(made, convert=named_probabilities(made.convert), label=winner)]


class _Head(torch.nn.Module):
    """A shared trunk under one of two heads."""

    def __init__(self, trunk: torch.nn.Module, head: torch.nn.Module) -> None:
        super().__init__()
        self.trunk, self.head = trunk, head

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.relu(self.trunk(x)))


def _functions() -> list[Case]:
    """Functions ``classify_tokens`` and ``score`` of one package share their trunk's weights."""
    trunk = _weights(torch.nn.Linear(6, 8), "functions/trunk")
    modules = {
        "classify_tokens": _Head(trunk, _weights(torch.nn.Linear(8, 3), "functions/tokens")).eval(),
        "score": _Head(trunk, _weights(torch.nn.Linear(8, 1), "functions/score")).eval(),
    }
    names = list(modules)
    calls = [{"x": sample(f"functions/{name}/x", normal(2, 6))} for name in names]
    with torch.no_grad():
        results = [
            named_results(modules[name](*as_torch(call).values())) for name, call in zip(names, calls, strict=True)
        ]
    expected = {id(call): result for call, result in zip(calls, results, strict=True)}

    def convert() -> ct.models.MLModel:
        folder = tempfile.TemporaryDirectory()
        descriptor = ct.utils.MultiFunctionDescriptor()
        for name, call, result in zip(names, calls, results, strict=True):
            path = str(Path(folder.name) / f"{name}.mlpackage")
            convert_torch(modules[name], call, IOS18, result).save(path)
            descriptor.add_function(path, src_function_name="main", target_function_name=name)
        descriptor.default_function_name = names[0]
        joined = str(Path(folder.name) / "joined.mlpackage")
        ct.utils.save_multifunction(descriptor, joined)
        model = ct.models.MLModel(joined, skip_model_load=True)
        weakref.finalize(model, folder.cleanup)
        return model

    return [
        Case(OP, "functions", IOS18, "torch", calls, convert, lambda call: expected[id(call)], functions=names)
    ]


class _DecoderStep(torch.nn.Module):
    """One attention layer that decodes a token per call, with key and value caches of eight positions."""

    def __init__(self, round_state: bool) -> None:
        super().__init__()
        self.round_state = round_state
        self.project = torch.nn.Linear(8, 24)
        self.out = torch.nn.Linear(8, 8)
        self.register_buffer("key_cache", torch.zeros(1, 2, 8, 4))
        self.register_buffer("value_cache", torch.zeros(1, 2, 8, 4))

    def forward(self, hidden: torch.Tensor, position: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        query, key, value = (part.reshape(1, 1, 2, 4).transpose(1, 2) for part in self.project(hidden).chunk(3, -1))
        if self.round_state:
            key, value = key.half().float(), value.half().float()
        begin = position[0]
        self.key_cache[:, :, begin : begin + 1] = key
        self.value_cache[:, :, begin : begin + 1] = value
        attended = torch.nn.functional.scaled_dot_product_attention(query, self.key_cache, self.value_cache, mask)
        return self.out(attended.transpose(1, 2).reshape(1, 1, 8))


def _decoder_step() -> list[Case]:
    calls: Sequence[dict[str, object]] = [
        {
            "hidden": normal(1, 1, 8),
            "position": ints([step]),
            "mask": np.where(np.arange(8) <= step, 0, -1e4).astype(np.float32).reshape(1, 1, 1, 8),
        }
        for step in range(4)
    ]
    module, reference = (_weights(_DecoderStep(round_state), "decoder") for round_state in (False, True))
    return stateful_case(OP, "stateful_decoder", module, calls, [IOS18, IOS18_HALF], reference)


def _enumerated() -> Iterator[list[Case]]:
    layers = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3, stride=2), torch.nn.GELU(), torch.nn.Conv2d(4, 2, 1))
    sizes = [(8, 8), (12, 9), (7, 15)]
    yield torch_case(
        OP,
        "enumerated_shapes",
        _weights(layers, "enumerated"),
        {},
        [IOS15, IOS17_HALF],
        shapes={"x": ct.EnumeratedShapes(shapes=[(1, 3, *size) for size in sizes], default=(1, 3, *sizes[0]))},
        calls=[{"x": normal(1, 3, *size)} for size in sizes],
    )


def _optional_input() -> Iterator[list[Case]]:
    """``bias`` has the default 0.25; the second call leaves it out."""
    default = np.full((1, 4), 0.25, np.float32)
    layer = _weights(torch.nn.Linear(6, 4), "optional")

    class Biased(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = layer

        def forward(self, x: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
            return torch.tanh(self.layer(x) + bias)

    module = Biased().eval()
    given = {"x": sample("optional/0/x", normal(2, 6)), "bias": sample("optional/0/bias", normal(1, 4))}
    calls = [given, {"x": sample("optional/1/x", normal(2, 6))}]

    @torch.no_grad()
    def expect(call: Tensors) -> Tensors:
        tensors = as_torch({"bias": default} | call)
        return named_results(module(tensors["x"], tensors["bias"]))

    def convert(target: Target) -> ct.models.MLModel:
        types = [
            ct.TensorType(name="x", shape=given["x"].shape, dtype=np.float32),
            ct.TensorType(name="bias", shape=default.shape, dtype=np.float32, default_value=default),
        ]
        return convert_torch(module, given, target, expect(given), inputs=types)

    yield [
        Case(OP, "optional_input", target, "torch", calls, lambda target=target: convert(target), expect)
        for target in (IOS15, IOS17_HALF)
    ]


def _two_enumerated() -> Iterator[list[Case]]:
    """From iOS18 on several inputs may be enumerated; a call takes the same entry of each."""
    lengths = (3, 5, 4)
    yield torch_case(
        OP,
        "enumerated_pair",
        lambda x, z: torch.tanh(x.sum(1, keepdim=True)) * z,
        {},
        [IOS18],
        shapes={
            "x": ct.EnumeratedShapes(shapes=[(1, n, 2) for n in lengths], default=(1, lengths[0], 2)),
            "z": ct.EnumeratedShapes(shapes=[(1, n + 1, 2) for n in lengths], default=(1, lengths[0] + 1, 2)),
        },
        calls=[{"x": normal(1, n, 2), "z": normal(1, n + 1, 2)} for n in lengths],
    )


def _image_outputs() -> Iterator[list[Case]]:
    """An image in, its negative out; BGR planes are stored in the order red, green, blue, as for an input."""
    for name, channels, layout in (
        ("image_output_rgb", 3, ct.colorlayout.RGB),
        ("image_output_bgr", 3, ct.colorlayout.BGR),
        ("image_output_gray", 1, ct.colorlayout.GRAYSCALE),
        ("image_output_gray_half", 1, ct.colorlayout.GRAYSCALE_FLOAT16),
    ):
        pixels = sample(f"{name}/image", integers(1, channels, 4, 5, low=0, high=256)).astype(np.float32)

        def negative(call: Tensors) -> Tensors:
            return named_results(255 - as_torch(call)["image"])

        def convert(target: Target, layout: object = layout, pixels: np.ndarray = pixels) -> ct.models.MLModel:
            traced = torch.jit.trace(torch.nn.Hardtanh(-1e4, 1e4), torch.from_numpy(pixels), check_trace=False)
            return ct.convert(
                traced,
                inputs=[ct.ImageType(name="image", shape=pixels.shape, scale=-1.0, bias=_white(layout), color_layout=layout)],
                outputs=[ct.ImageType(name="y", color_layout=layout)],
                minimum_deployment_target=target.deployment,
                compute_precision=target.compute_precision,
                skip_model_load=True,
            )

        yield [
            Case(OP, name, IOS17_HALF, "torch", [{"image": pixels}], lambda convert=convert: convert(IOS17_HALF), negative)
        ]


def _white(layout: object) -> object:
    return [255.0] * 3 if layout in (ct.colorlayout.RGB, ct.colorlayout.BGR) else 255.0


def _input_as_output() -> Iterator[list[Case]]:
    """coremltools gives an output that is an input the input's name."""

    x = sample("input_as_output/x", normal(2, 3))

    def convert() -> ct.models.MLModel:
        @mb.program(input_specs=[mb.TensorSpec(shape=x.shape)], opset_version=ct.target.iOS16)
        def program(x: object) -> object:
            return x, mb.mul(x=x, y=np.float32(2), name="y")

        return ct.convert(
            program,
            minimum_deployment_target=ct.target.iOS16,
            compute_precision=ct.precision.FLOAT32,
            skip_model_load=True,
        )

    yield [
        Case(OP, "input_as_output", IOS16, "mb", [{"x": x}], convert, lambda call: {"x": call["x"], "y": 2 * call["x"]})
    ]


def _eight_bit_interface() -> list[Case]:
    """iOS26 brings int8 inputs and outputs; they are stored as int32."""
    target = Target("iOS26", "fp32")
    x = sample("eight_bit/x", integers(2, 3, low=-64, high=64))

    def convert() -> ct.models.MLModel:
        @mb.program(input_specs=[mb.TensorSpec(shape=x.shape, dtype=types.int8)], opset_version=ct.target.iOS26)
        def program(x: object) -> object:
            doubled = mb.mul(x=mb.cast(x=x, dtype="fp32"), y=np.float32(2))
            return mb.cast(x=doubled, dtype="int8", name="y")

        return ct.convert(
            program,
            minimum_deployment_target=target.deployment,
            compute_precision=target.compute_precision,
            skip_model_load=True,
        )

    return [Case(OP, "int8_interface", target, "mb", [{"x": x}], convert, lambda call: {"y": 2 * call["x"]})]
