"""Tasks, meta-parameters and influences on disk: safetensors, so that reading a file runs nothing.

`save(path, value)` and `load(path)`; a run has `metainfl.training.save` and `load`, which need its problem.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from metainfl.errors import BrokenData, InvalidProblem, MissingData
from metainfl.influence.compressed import Compressed
from metainfl.influence.stored import Stored
from metainfl.plain import as_json
from metainfl.problem.files import named
from metainfl.problem.perturbation import Perturbation
from metainfl.problem.ragged import Ragged
from metainfl.problem.tasks import Tasks
from metainfl.whole_file import whole_file

VERSION = 1
FIELDS = (
    "support_x",
    "support_y",
    "query_x",
    "query_y",
    "task_weight",
    "support_weight",
    "query_weight",
)
Read = dict[str, Tensor]


def save(path: str | Path, value: Tasks | Tensor | Stored | Compressed) -> None:
    """Write one value; a file that is there is replaced once the new one is whole.

    Tasks (equal or ragged) with all weights, a tensor such as lam, or influences (`Stored`, `Compressed`).
    Raises `InvalidProblem` for anything else, sparse or complex tensors too; `MissingData` without the
    directory.
    """
    if not isinstance(path, (str, PathLike)):
        raise InvalidProblem(
            f"the order is metainfl.save(path, value); got a {type(path).__name__}, "
            f"a {type(value).__name__}. A training run has metainfl.training.save(run, folder)"
        )
    path = named(path)
    if isinstance(value, Tasks):
        kind, tensors = "tasks", _of_tasks(value)
        more: dict[str, Any] = {"ragged": isinstance(value, Ragged)}
    elif isinstance(value, Stored):
        kind, tensors = "influences", {"value": value.value, "lam": value.lam}
        more = {"perturbations": [_plain(p) for p in value.perturbations]}
    elif isinstance(value, Compressed):
        kind = "compressed"
        tensors = {"rows": value.rows, "lengths": value.lengths, "lam": value.lam}
        more = {"perturbations": [_plain(p) for p in value.perturbations], "seed": value.seed}
    elif isinstance(value, Tensor):
        kind, tensors, more = "tensor", {"tensor": value}, {}
    else:
        raise InvalidProblem(
            f"a {type(value).__name__} cannot be saved: give tasks, a tensor, or metainfl.Stored(influences, "
            "perturbations, lam); a training run has metainfl.training.save"
        )
    own = {k: _dense(v, k).detach().cpu().contiguous().clone() for k, v in tensors.items()}
    about = as_json({"kind": kind, "version": VERSION, **more})
    _write(path, own, about)


def _dense(value: Tensor, name: str) -> Tensor:
    """The tensor, if safetensors has its type and reads it as it is."""
    if value.is_meta:
        raise InvalidProblem(
            f"the tensor {name!r} is on the device meta and has no values to save: give it values first"
        )
    kind, instead = "", ""
    if value.is_quantized:
        kind, instead = "quantized", "value.dequantize()"
    elif value.layout != torch.strided:
        kind, instead = f"{value.layout}", "value.to_dense()"
    elif value.is_complex():
        kind = f"{value.dtype}"
        instead = "torch.view_as_real(value), and read it with torch.view_as_complex"
    if kind:
        raise InvalidProblem(
            f"the tensor {name!r} is {kind}, which a file of metainfl cannot hold: save {instead}"
        )
    return value


def _write(path: Path, tensors: Read, about: str) -> None:
    """The file beside its place, then at it."""
    path = path.resolve()  # what a link points at, not the link
    if not path.parent.is_dir():
        raise MissingData(
            f"there is no directory {path.parent} to write {path.name} to: make it first"
        )
    if path.exists() and not path.is_file():
        kind = "a directory" if path.is_dir() else "no file but a device or a pipe"
        inside = " in it" if path.is_dir() else ""
        raise InvalidProblem(f"{path} is {kind}: give the name of a file{inside}")
    try:
        with whole_file(path) as half:
            save_file(tensors, half, metadata={"metainfl": about})
    except (SafetensorError, OSError, KeyError, ValueError, RuntimeError) as error:
        raise InvalidProblem(
            f"{path} could not be written ({type(error).__name__}: {error}): check that the directory can "
            "be written to and has room, and that tensors are of a type that safetensors has"
        ) from error


def load(path: str | Path) -> Any:
    """What `save` wrote, on the CPU. Raises `MissingData` without the file, `BrokenData` with another."""
    path = named(path)
    if not path.is_file():
        raise MissingData(f"there is no file {path}; metainfl.save(path, value) writes one")
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {})["metainfl"])
            tensors = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118  (no iterator)
        if about["version"] != VERSION:
            raise BrokenData(f"{path} was written by another version ({about['version']})")
        return LOADED[about["kind"]](tensors, about)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, BrokenData):
            raise
        raise BrokenData(
            f"{path} was not written by metainfl.save, or is damaged ({type(error).__name__}: {error})"
        ) from error


def _of_tasks(tasks: Tasks) -> Read:
    out: Read = {}
    for i, (places, batch) in enumerate(tasks.groups()):
        out[f"{i}.places"] = places
        for name in FIELDS:
            out[f"{i}.{name}"] = getattr(batch, name)
    return out


def _tasks(tensors: Read, about: dict[str, Any]) -> Tasks:
    groups = []
    for i in range(len({k.split(".")[0] for k in tensors})):
        batch = Tasks(**{name: tensors[f"{i}.{name}"] for name in FIELDS})
        groups.append((tensors[f"{i}.places"], batch))
    return Ragged(groups) if about["ragged"] else groups[0][1]


def _influences(tensors: Read, about: dict[str, Any]) -> Stored:
    pis = [_perturbation(p) for p in about["perturbations"]]
    return Stored(tensors["value"], pis, tensors["lam"])


def _compressed(tensors: Read, about: dict[str, Any]) -> Compressed:
    pis = tuple(_perturbation(p) for p in about["perturbations"])
    return Compressed(tensors["rows"], tensors["lengths"], pis, tensors["lam"], int(about["seed"]))


def _tensor(tensors: Read, about: dict[str, Any]) -> Tensor:
    return tensors["tensor"]


LOADED: dict[str, Callable[[Read, dict[str, Any]], Any]] = {
    "tasks": _tasks,
    "influences": _influences,
    "compressed": _compressed,
    "tensor": _tensor,
}


def _plain(p: Perturbation) -> list[Any]:
    return [p.kind, int(p.task), int(p.instance), int(p.axis), [_plain(m) for m in p.members]]


def _perturbation(plain: list[Any]) -> Perturbation:
    kind, task, instance, axis, members = plain
    return Perturbation(kind, task, instance, axis, tuple(_perturbation(m) for m in members))
