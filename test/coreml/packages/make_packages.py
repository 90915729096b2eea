"""Writes the packages beside this file: whole models in forms that packages have outside of this project.

Each `<name>.mlpackage` stands beside `<name>.safetensors` with `call<i>/in/<input>` and `call<i>/out/<output>`; what is
given out comes from PyTorch. Images are whole numbers in RGB order. Needs coremltools 9.0, torch and safetensors; the
same versions give the same bytes.

    python make_packages.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import coremltools as ct
import numpy as np
import torch
from safetensors.numpy import save_file

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent.parent / "corpus"))
from case import Tensors, as_torch, boundary  # noqa: E402
from package import save  # noqa: E402

torch.set_num_threads(1)


def on_grid(*shape: int) -> torch.Tensor:
    """Normal, rounded to 1/64."""
    return torch.round(torch.randn(shape) * 64) / 64


def seeded(module: torch.nn.Module) -> torch.nn.Module:
    for parameter in module.parameters():
        parameter.data = on_grid(*parameter.shape) / 4
    return module.eval()


def converted(
    module: torch.nn.Module, example: Tensors, inputs: list[object], target: ct.target, **options: object
) -> ct.models.MLModel:
    traced = torch.jit.trace(module, tuple(as_torch(example).values()), check_trace=False)
    return ct.convert(
        traced,
        inputs=inputs,
        minimum_deployment_target=target,
        compute_precision=ct.precision.FLOAT32,
        skip_model_load=True,
        **options,
    )


@torch.no_grad()
def write(name: str, model: ct.models.MLModel, calls: list[Tensors], expect: object) -> None:
    """``expect`` takes a call's inputs as tensors and gives the outputs in the order of the package's description."""
    spec = save(model, HERE / f"{name}.mlpackage")
    names = [output.name for output in spec.description.output]
    tensors = {}
    for i, call in enumerate(calls):
        results = expect(*as_torch(call).values())
        results = results if isinstance(results, tuple) else (results,)
        tensors |= {f"call{i}/in/{key}": value for key, value in call.items()}
        tensors |= {f"call{i}/out/{key}": boundary(value) for key, value in zip(names, results, strict=True)}
    save_file(tensors, HERE / f"{name}.safetensors")


def passed_through() -> None:
    """Outputs are an input as it is, the same value twice, and a constant."""

    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("offset", on_grid(3))

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
            doubled = x * 2
            return x, doubled, doubled, self.offset + 1

    module, call = Model().eval(), {"x": on_grid(1, 2).numpy()}
    model = converted(module, call, [ct.TensorType(name="x", shape=(1, 2))], ct.target.iOS15)
    write("passed_through", model, [call], module)


def recurrent_loop() -> None:
    """PyTorch's GRU becomes a while_loop, its condition a tensor of one element rather than a scalar."""
    module = seeded(torch.nn.GRU(2, 3, batch_first=True))
    calls = [{"x": on_grid(1, length, 2).numpy()} for length in (4, 1, 6)]
    shape = (1, ct.RangeDim(1, 6, 4), 2)
    model = converted(module, calls[0], [ct.TensorType(name="x", shape=shape)], ct.target.iOS16)
    write("recurrent_loop", model, calls, module)


def image_out_bgr() -> None:
    """Takes an image whose planes are blue, green, red, and gives one."""

    class Model(torch.nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return image * torch.tensor([1.0, 0.5, 0.25]).reshape(1, 3, 1, 1)

    module, call = Model().eval(), {"image": np.arange(24, dtype=np.int32).reshape(1, 3, 2, 4) * 4}
    layout = ct.colorlayout.BGR
    model = converted(
        module,
        {"image": call["image"].astype(np.float32)},
        [ct.ImageType(name="image", shape=(1, 3, 2, 4), color_layout=layout)],
        ct.target.iOS16,
        outputs=[ct.ImageType(name="faded", color_layout=layout)],
    )
    write("image_out_bgr", model, [call], lambda image: module(image.flip(1).float()).flip(1))


def listed_shapes() -> None:
    """Two inputs with listed shapes, which are called with those at one position of their lists."""

    class Model(torch.nn.Module):
        def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return x.sum(1, keepdim=True) + y

    module = Model().eval()
    calls = [{"x": on_grid(1, m).numpy(), "y": on_grid(1, n).numpy()} for m, n in ((3, 2), (5, 4))]
    types = [
        ct.TensorType(name="x", shape=ct.EnumeratedShapes(shapes=[(1, 3), (1, 5)])),
        ct.TensorType(name="y", shape=ct.EnumeratedShapes(shapes=[(1, 2), (1, 4)])),
    ]
    write("listed_shapes", converted(module, calls[0], types, ct.target.iOS18), calls, module)


def hidden_names() -> None:
    """Written without passes: the result of the embedding has the name of the input, and hides it."""

    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = seeded(torch.nn.Embedding(5, 4))

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.layer_norm(self.embedding(ids), (4,))

    module, call = Model().eval(), {"input": np.array([[3, 0, 4]], np.int32)}
    types = [ct.TensorType(name="input", shape=(1, 3), dtype=np.int32)]
    model = converted(module, call, types, ct.target.iOS16, pass_pipeline=ct.PassPipeline.EMPTY)
    write("hidden_names", model, [call], module)


def affine_edges() -> None:
    """Sampled on an affine grid that reaches from edge to edge (align_corners is false)."""

    class Model(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            matrix = torch.tensor([[[1.0, 0.25, 0.0], [0.0, 0.75, 0.125]]])
            grid = torch.nn.functional.affine_grid(matrix, [1, 2, 5, 6], align_corners=False)
            return torch.nn.functional.grid_sample(x, grid, align_corners=False)

    module, call = Model().eval(), {"x": on_grid(1, 2, 4, 5).numpy()}
    model = converted(module, call, [ct.TensorType(name="x", shape=(1, 2, 4, 5))], ct.target.iOS16)
    write("affine_edges", model, [call], module)


for make in (passed_through, recurrent_loop, image_out_bgr, listed_shapes, hidden_names, affine_edges):
    torch.manual_seed(0)
    make()
