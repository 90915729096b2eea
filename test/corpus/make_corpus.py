"""Writes the op corpus: small Core ML packages made by coremltools, each with inputs and expected outputs.

usage: make_corpus.py [--only OP ...] [--check]

Writes ``<op>/<case>.mlpackage`` and ``<op>/<case>.safetensors`` beside this file, and ``index.json``. With ``--check``
nothing is replaced: the corpus is made in a temporary folder and compared with the committed one (values within 1e-6,
package files byte for byte).

Needs coremltools 9.0, torch, transformers and safetensors.
"""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import pkgutil
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save_file

import families
import package
from case import Case

HERE = Path(__file__).parent


def all_cases() -> Iterator[list[Case]]:
    """The cases of each family module, in order of module name."""
    for module in sorted(found.name for found in pkgutil.iter_modules(families.__path__)):
        yield [case for group in importlib.import_module(f"families.{module}").cases() for case in group]


def write_case(case: Case, root: Path) -> dict[str, object]:
    """Writes the package and the tensors of a case and returns its entry of the index."""
    path = root / case.op / f"{case.file_stem}.mlpackage"
    spec = package.save(case.convert(), path)
    ops = package.op_types(spec)
    if case.op != "models" and case.op not in ops:
        raise ValueError(f"the package holds {', '.join(ops)} but not {case.op}")
    functions = case.functions or ["main"] * len(case.calls)
    tensors = {}
    for index, (call, function) in enumerate(zip(case.calls, functions, strict=True)):
        result = case.expect(call)
        package.check_interface(spec, function, call, result)
        if not all(np.isfinite(value).all() for value in result.values()):
            raise ValueError("an expected value is not finite")
        prefix = f"call{index}/" if len(case.calls) > 1 else ""
        tensors |= {f"{prefix}in/{name}": value for name, value in call.items()}
        tensors |= {f"{prefix}out/{name}": value for name, value in result.items()}
    save_file(tensors, path.with_suffix(".safetensors"))
    entry = {
        "op": case.op,
        "case": case.file_stem,
        "package": path.relative_to(root).as_posix(),
        "opset": case.target.opset,
        "precision": case.target.precision,
        "how": case.how,
        "ops": ops,
    }
    if len(case.calls) > 1:
        entry["calls"] = len(case.calls)
    if case.functions is not None:
        entry["functions"] = list(case.functions)
    if case.label is not None:
        entry["label"] = case.label
    if case.tolerance is not None:
        entry["tolerance"] = case.tolerance
    return entry


def write_index(root: Path, entries: list[dict[str, object]]) -> None:
    entries = sorted(entries, key=lambda entry: (entry["op"], entry["case"]))
    lines = ",\n".join("  " + json.dumps(entry) for entry in entries)
    (root / "index.json").write_text(f"[\n{lines}\n]\n")


def build(root: Path, only: set[str]) -> list[str]:
    """Writes the cases of the ops in ``only`` (all if empty) and returns one line per failure."""
    index_path = root / "index.json"
    entries = json.loads(index_path.read_text()) if index_path.exists() and only else []
    failures = []
    cleared = set()
    for cases in all_cases():
        wanted = [case for case in cases if not only or case.op in only]
        for case in wanted:
            if case.op not in cleared:
                shutil.rmtree(root / case.op, ignore_errors=True)
                entries = [entry for entry in entries if entry["op"] != case.op]
                cleared.add(case.op)
            try:
                if (root / case.op / f"{case.file_stem}.mlpackage").exists():
                    raise ValueError("two cases have this name")
                entries.append(write_case(case, root))
            except Exception as error:  # every failure is listed, then the run fails
                failures.append(f"{case.op}/{case.file_stem}: {type(error).__name__}: {error}")
        if wanted:
            write_index(root, entries)
    return failures


def _made_files(root: Path) -> set[Path]:
    """The files below ``root`` that a run makes."""
    packages = {path for path in root.glob("*/*.mlpackage/**/*") if path.is_file()}
    made = packages | set(root.glob("*/*.safetensors")) | set(root.glob("index.json"))
    return {path.relative_to(root) for path in made}


def differences(committed: Path, fresh: Path) -> list[str]:
    """One line per file that is missing, superfluous or different."""
    ours, theirs = _made_files(committed), _made_files(fresh)
    found = [f"{path}: not committed" for path in sorted(theirs - ours)]
    found += [f"{path}: no case makes it" for path in sorted(ours - theirs)]
    for path in sorted(ours & theirs):
        if path.suffix != ".safetensors":
            if (committed / path).read_bytes() != (fresh / path).read_bytes():
                found.append(f"{path}: bytes differ")
            continue
        left, right = load_file(committed / path), load_file(fresh / path)
        if left.keys() != right.keys():
            found.append(f"{path}: tensors {sorted(left.keys() ^ right.keys())} on one side only")
        for name in sorted(left.keys() & right.keys()):
            same = left[name].shape == right[name].shape and left[name].dtype == right[name].dtype
            if not same or not np.allclose(left[name], right[name], rtol=1e-6, atol=1e-6):
                found.append(f"{path}: {name} differs")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", default=[], metavar="OP", help="make only these ops' cases")
    parser.add_argument("--check", action="store_true", help="compare a fresh corpus with the committed one")
    options = parser.parse_args()
    torch.set_num_threads(2)
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    if options.check:
        with tempfile.TemporaryDirectory() as folder:
            problems = build(Path(folder), set()) + differences(HERE, Path(folder))
    else:
        problems = build(HERE, set(options.only))
    print("\n".join(problems) if problems else "ok")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
