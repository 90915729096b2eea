"""What a corpus case is: a small program, its inputs, and the values it must produce.

A case is built in one of two ways.

``torch_case``
    A PyTorch function is traced and converted; PyTorch's own result is the expected value.
``mb_case``
    The program is written with the MIL builder, for ops and parameters the PyTorch front end does not emit.
    The expected value comes from a second, independent computation in PyTorch or NumPy that stands beside it.

Expected values never come from coremltools. Inputs lie on a grid of 1/64, so that half precision holds them exactly
and every comparison, floor and arg-max has one right answer in both precisions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import coremltools as ct
import numpy as np
import torch
from coremltools.converters.mil.mil import Builder as mb
from coremltools.converters.mil.mil import Function, Program, get_new_symbol, types

Sampler = Callable[[np.random.Generator], np.ndarray]
Tensors = dict[str, np.ndarray]


@dataclass(frozen=True)
class Target:
    """Opset and compute precision of a package."""

    opset: str
    precision: str

    @property
    def suffix(self) -> str:
        return f"{self.opset.lower()}_{self.precision}"

    @property
    def deployment(self) -> ct.target:
        return ct.target[self.opset]

    @property
    def compute_precision(self) -> ct.precision:
        return ct.precision.FLOAT16 if self.precision == "fp16" else ct.precision.FLOAT32


IOS15 = Target("iOS15", "fp32")
IOS15_HALF = Target("iOS15", "fp16")
IOS16 = Target("iOS16", "fp32")
IOS16_HALF = Target("iOS16", "fp16")
IOS17 = Target("iOS17", "fp32")
IOS17_HALF = Target("iOS17", "fp16")
IOS18 = Target("iOS18", "fp32")
IOS18_HALF = Target("iOS18", "fp16")
EVERY_OPSET = (IOS15, IOS16_HALF, IOS17, IOS18_HALF)
OLD_AND_NEW = (IOS15, IOS17_HALF)


@dataclass(frozen=True)
class Case:
    """One case on one target.

    ``calls`` holds the inputs of each call. With one call the tensors are stored as ``in/…`` and ``out/…``; with
    several as ``call0/in/…``, ``call1/in/…``; state carries over from one call to the next. ``functions`` names the
    function of each call (``main`` unless given). ``label`` is a classifier's answer.
    """

    op: str
    name: str
    target: Target
    how: str
    calls: Sequence[Tensors]
    convert: Callable[[], ct.models.MLModel]
    expect: Callable[[Tensors], Tensors]
    tolerance: dict[str, object] | None = None
    label: object = None
    functions: Sequence[str] | None = None

    @property
    def file_stem(self) -> str:
        return f"{self.name}_{self.target.suffix}"


# ------------------------------------------------------------------------------------------------ samplers


def sample(key: str, sampler: Sampler | np.ndarray) -> np.ndarray:
    """Draws from a generator seeded by ``key`` alone; a plain array is returned as it is."""
    if isinstance(sampler, np.ndarray):
        return sampler
    seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "little")
    return sampler(np.random.default_rng(seed))


def normal(*shape: int, scale: float = 1.0, shift: float = 0.0) -> Sampler:
    """fp32, normal, rounded to 1/64."""
    return lambda rng: (np.round((rng.standard_normal(shape) * scale + shift) * 64) / 64).astype(np.float32)


def uniform(*shape: int, low: float, high: float) -> Sampler:
    """fp32, uniform in [low, high], rounded to 1/64."""
    return lambda rng: (np.round(rng.uniform(low, high, shape) * 64) / 64).astype(np.float32)


def distinct(*shape: int) -> Sampler:
    """fp32, all values different, multiples of 1/8: orderings and arg-max have one right answer."""
    count = int(np.prod(shape))
    return lambda rng: ((rng.permutation(count) - count // 2) / 8).astype(np.float32).reshape(shape)


def distinct_integers(*shape: int) -> Sampler:
    """int32, all values different."""
    count = int(np.prod(shape))
    return lambda rng: (rng.permutation(count) - count // 2).astype(np.int32).reshape(shape)


def integers(*shape: int, low: int, high: int) -> Sampler:
    """int32, uniform in [low, high)."""
    return lambda rng: rng.integers(low, high, shape).astype(np.int32)


def nonzero_integers(*shape: int, high: int) -> Sampler:
    """int32, 0 < |value| < high, both signs."""
    return lambda rng: (rng.integers(1, high, shape) * rng.choice([-1, 1], shape)).astype(np.int32)


def floats(values: object) -> np.ndarray:
    return np.array(values, dtype=np.float32)


def ints(values: object) -> np.ndarray:
    return np.array(values, dtype=np.int32)


# ------------------------------------------------------------------------------------------------ conversion


def _pipeline(target: Target, keep_all_ops: bool) -> ct.PassPipeline:
    """The default passes, or none but the precision casts where an optimisation would remove the op under test."""
    if not keep_all_ops:
        return ct.PassPipeline.DEFAULT
    pipeline = ct.PassPipeline.EMPTY
    if target.precision == "fp16":
        pipeline.append_pass("common::add_fp16_cast")
        pipeline.append_pass("common::const_elimination")  # casts of constants become constants
        pipeline.append_pass("common::dead_code_elimination")
    return pipeline


def _input_types(example: Tensors, shapes: dict[str, object]) -> list[ct.TensorType]:
    return [
        ct.TensorType(name=name, shape=shapes.get(name, value.shape), dtype=value.dtype.type)
        for name, value in example.items()
    ]


def boundary(value: object) -> np.ndarray:
    """A result as it leaves a Core ML model: integers are int32, everything else (bool too) is fp32."""
    array = value.detach().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
    return np.array(array, dtype=np.int32 if np.issubdtype(array.dtype, np.integer) else np.float32, order="C")


def _results(value: object) -> tuple[object, ...]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def named_results(value: object, names: Sequence[str] | None = None) -> Tensors:
    """Names the results ``y``, or ``y0``, ``y1``, … where there are several."""
    values = _results(value)
    chosen = names or (["y"] if len(values) == 1 else [f"y{i}" for i in range(len(values))])
    return {name: boundary(result) for name, result in zip(chosen, values, strict=True)}


def as_torch(tensors: Tensors) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(value.copy()) for name, value in tensors.items()}


class _Traced(torch.nn.Module):
    """Wraps a function, so that tracing yields a module."""

    def __init__(self, function: Callable[..., object]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: torch.Tensor) -> object:
        return self.function(*inputs)


def convert_torch(
    module: torch.nn.Module,
    example: Tensors,
    target: Target,
    outputs: Tensors,
    inputs: Sequence[ct.TensorType] | None = None,
    **options: object,
) -> ct.models.MLModel:
    """Traces ``module`` on ``example`` and converts it; outputs get the names and dtypes of ``outputs``."""
    traced = torch.jit.trace(module.eval(), tuple(as_torch(example).values()), check_trace=False)
    return ct.convert(
        traced,
        inputs=inputs or _input_types(example, {}),
        outputs=[ct.TensorType(name=name, dtype=value.dtype.type) for name, value in outputs.items()],
        minimum_deployment_target=target.deployment,
        compute_precision=target.compute_precision,
        skip_model_load=True,
        **options,
    )


def mil_program(
    body: Callable[..., object],
    example: Tensors,
    shapes: dict[str, object],
    target: Target,
    names: Sequence[str] | None,
) -> Program:
    """A program whose ``main`` is ``body`` applied to placeholders named after the inputs."""
    placeholders = {}
    for name, value in example.items():
        sizes = shapes[name].shape if name in shapes else value.shape
        dims = [size if isinstance(size, int) else get_new_symbol() for size in sizes]
        placeholders[name] = mb.placeholder(
            shape=dims, dtype=types.int32 if value.dtype == np.int32 else types.fp32, name=name
        )
    program = Program()
    with Function(placeholders, opset_version=target.deployment) as function:
        outputs = _results(body(**function.inputs))
        chosen = names or (["y"] if len(outputs) == 1 else [f"y{i}" for i in range(len(outputs))])
        for output, name in zip(outputs, chosen, strict=True):
            output.set_name(name)
        function.set_outputs(list(outputs))
    program.add_function("main", function)
    return program


# ------------------------------------------------------------------------------------------------ cases


def _sample_calls(
    op: str, name: str, inputs: dict[str, object], calls: Sequence[dict[str, object]] | None
) -> list[Tensors]:
    return [
        {key: sample(f"{op}/{name}/{index}/{key}", sampler) for key, sampler in call.items()}
        for index, call in enumerate(calls or [inputs])
    ]


def torch_case(
    op: str,
    name: str,
    function: Callable[..., object],
    inputs: dict[str, object],
    targets: Sequence[Target] = OLD_AND_NEW,
    *,
    shapes: dict[str, object] | None = None,
    calls: Sequence[dict[str, object]] | None = None,
    keep_all_ops: bool = False,
    outputs: Sequence[str] | None = None,
    tolerance: dict[str, object] | None = None,
) -> list[Case]:
    """A case per target from a PyTorch function (or module) of the inputs in order.

    ``shapes`` makes inputs flexible (``ct.Shape`` with ``ct.RangeDim``, or ``ct.EnumeratedShapes``); then ``calls``
    lists the inputs of each call, the first being the traced one.
    """
    sampled = _sample_calls(op, name, inputs, calls)
    module = function if isinstance(function, torch.nn.Module) else _Traced(function)
    module.eval()

    @torch.no_grad()
    def expect(tensors: Tensors) -> Tensors:
        return named_results(module(*as_torch(tensors).values()), outputs)

    def convert(target: Target) -> ct.models.MLModel:
        return convert_torch(
            module,
            sampled[0],
            target,
            expect(sampled[0]),
            inputs=_input_types(sampled[0], shapes or {}),
            pass_pipeline=_pipeline(target, keep_all_ops),
        )

    return [
        Case(op, name, target, "torch", sampled, lambda target=target: convert(target), expect, tolerance)
        for target in targets
    ]


def mb_case(
    op: str,
    name: str,
    body: Callable[..., object],
    expected: Callable[..., object],
    inputs: dict[str, object],
    targets: Sequence[Target] = OLD_AND_NEW,
    *,
    shapes: dict[str, ct.Shape] | None = None,
    calls: Sequence[dict[str, object]] | None = None,
    keep_all_ops: bool = False,
    outputs: Sequence[str] | None = None,
    tolerance: dict[str, object] | None = None,
    classifier: ct.ClassifierConfig | None = None,
) -> list[Case]:
    """A case per target from a MIL body (keyword arguments: the inputs) and the independent ``expected`` function.

    ``expected`` takes the same keyword arguments as PyTorch tensors.
    """
    sampled = _sample_calls(op, name, inputs, calls)

    @torch.no_grad()
    def expect(tensors: Tensors) -> Tensors:
        return named_results(expected(**as_torch(tensors)), outputs)

    def convert(target: Target) -> ct.models.MLModel:
        program = mil_program(body, sampled[0], shapes or {}, target, outputs)
        return ct.convert(
            program,
            inputs=_input_types(sampled[0], shapes) if shapes else None,
            classifier_config=classifier,
            minimum_deployment_target=target.deployment,
            compute_precision=target.compute_precision,
            pass_pipeline=_pipeline(target, keep_all_ops),
            skip_model_load=True,
        )

    return [
        Case(op, name, target, "mb", sampled, lambda target=target: convert(target), expect, tolerance)
        for target in targets
    ]
