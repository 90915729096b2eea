"""Writing a converted model so that the same program always gives the same bytes, and reading facts back from it."""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import coremltools as ct
import numpy as np
from coremltools.proto import MIL_pb2, Model_pb2

MODEL_FILE = Path("Data/com.apple.CoreML/model.mlmodel")
DATE_KEY = "com.github.apple.coremltools.conversion_date"


def save(model: ct.models.MLModel, path: Path) -> Model_pb2.Model:
    """Saves ``model`` at ``path`` in normal form and returns the specification that was written."""
    if path.exists():
        shutil.rmtree(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    model.save(str(path))
    return normalise(path)


def normalise(path: Path) -> Model_pb2.Model:
    """Drops the conversion date, orders the protobuf maps and derives the manifest's UUIDs from the content.

    A package without weights loses its empty weights folder and the item naming it, since git keeps no empty folder.
    """
    model_path = path / MODEL_FILE
    spec = Model_pb2.Model.FromString(model_path.read_bytes())
    spec.description.metadata.userDefined.pop(DATE_KEY, None)
    data = spec.SerializeToString(deterministic=True)
    model_path.write_bytes(data)
    model_path.chmod(0o644)
    digest = hashlib.sha256(data).hexdigest()
    manifest = json.loads((path / "Manifest.json").read_text())
    weights = model_path.parent / "weights"
    if not any(weights.iterdir()):
        weights.rmdir()
        items = manifest["itemInfoEntries"].items()
        manifest["itemInfoEntries"] = {key: item for key, item in items if item["name"] != "weights"}
    renamed = {
        identifier: str(uuid.uuid5(uuid.NAMESPACE_OID, f"{digest}/{item['path']}"))
        for identifier, item in manifest["itemInfoEntries"].items()
    }
    manifest["itemInfoEntries"] = {renamed[key]: item for key, item in manifest["itemInfoEntries"].items()}
    manifest["rootModelIdentifier"] = renamed[manifest["rootModelIdentifier"]]
    (path / "Manifest.json").write_text(json.dumps(manifest, indent=4, sort_keys=True) + "\n")
    return spec


def _operations(block: MIL_pb2.Block) -> Iterator[MIL_pb2.Operation]:
    for operation in block.operations:
        yield operation
        for nested in operation.blocks:
            yield from _operations(nested)


def op_types(spec: Model_pb2.Model) -> list[str]:
    """The sorted op types of every function and nested block, ``const`` left out."""
    found = {
        operation.type
        for function in spec.mlProgram.functions.values()
        for block in function.block_specializations.values()
        for operation in _operations(block)
    }
    return sorted(found - {"const"})


# fp16 and int8 cross the boundary as what holds them exactly.
_NUMPY_TYPE = {
    MIL_pb2.FLOAT32: np.float32,
    MIL_pb2.FLOAT16: np.float32,
    MIL_pb2.INT32: np.int32,
    MIL_pb2.INT8: np.int32,
}


def check_interface(
    spec: Model_pb2.Model, function_name: str, inputs: dict[str, np.ndarray], outputs: dict[str, np.ndarray]
) -> None:
    """Raises ``ValueError`` unless the tensors fit the declared inputs and outputs of the function."""
    function = spec.mlProgram.functions[function_name]
    block = function.block_specializations[function.opset]
    declared_inputs = {value.name: value.type for value in function.inputs if value.type.HasField("tensorType")}
    if not set(inputs) <= set(declared_inputs):
        raise ValueError(f"inputs {sorted(inputs)} but the package declares {sorted(declared_inputs)}")
    for name, value in inputs.items():
        _check_tensor(name, value, declared_inputs[name].tensorType)
    if spec.description.predictedFeatureName:
        return
    if set(outputs) != set(block.outputs):
        raise ValueError(f"outputs {sorted(outputs)} but the package declares {sorted(block.outputs)}")
    made = {output.name: output.type for operation in block.operations for output in operation.outputs}
    declared = declared_inputs | made
    for name, value in outputs.items():
        _check_tensor(name, value, declared[name].tensorType)


def _check_tensor(name: str, value: np.ndarray, declared: MIL_pb2.TensorType) -> None:
    sizes = [dim.constant.size if dim.WhichOneof("dimension") == "constant" else None for dim in declared.dimensions]
    fits = len(sizes) == value.ndim and all(
        size in (None, actual) for size, actual in zip(sizes, value.shape, strict=True)
    )
    if not fits or _NUMPY_TYPE[declared.dataType] != value.dtype:
        kind = MIL_pb2.DataType.Name(declared.dataType)
        raise ValueError(f"{name}: {value.dtype}{list(value.shape)} but the package declares {kind}{sizes}")
