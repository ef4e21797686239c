"""Images and labels out of the dictionaries that few-shot pickles hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from metainfl.data.labelled import LabelledData
from metainfl.errors import BrokenData

_FORMS = (
    "a dict of image_data (n, h, w, 3) and class_dict (class to positions), of data (n, h, w, 3) and "
    "labels (n), or of each class to its images"
)
#: names of the first two forms, which no class has: without its partner, such a key is half of a form
FIELDS = ("image_data", "class_dict", "data", "labels")


def from_mapping(name: str, path: Path, content: Any) -> LabelledData:
    """The three dictionaries in circulation as `LabelledData`; `BrokenData` for anything else."""
    content = with_text_keys(content)
    if not isinstance(content, dict) or not content:
        raise BrokenData(f"{path} holds a {type(content).__name__}; expected {_FORMS}")
    if {"image_data", "class_dict"} <= content.keys():
        return _by_positions(
            name, path, _images(path, content["image_data"]), content["class_dict"]
        )
    if "data" in content and "labels" in content:
        x = _images(path, content["data"])
        return _numbered(name, path, x, np.asarray(content["labels"]))
    if all(isinstance(k, str) and k not in FIELDS for k in content):
        parts = {k: _images(path, v) for k, v in sorted(content.items())}
        if len({p.shape[1:] for p in parts.values()}) == 1:
            labels = torch.arange(len(parts), device="cpu").repeat_interleave(
                torch.tensor([len(p) for p in parts.values()], device="cpu")
            )
            x = np.concatenate(list(parts.values()))
            return LabelledData(name, torch.from_numpy(x), labels, tuple(parts))
    raise BrokenData(f"{path} has the keys {sorted(map(str, content))[:6]}; expected {_FORMS}")


def with_text_keys(content: Any) -> Any:
    """A dict whose keys were bytes of Python 2, with text for them."""
    if not isinstance(content, dict):
        return content
    return {k.decode("latin1") if isinstance(k, bytes) else k: v for k, v in content.items()}


def _images(path: Path, value: Any) -> np.ndarray:
    """(n, h, w[, c]) uint8."""
    try:
        x = np.asarray(value)
    except ValueError as e:
        raise BrokenData(f"{path} holds images of different sizes: {e}") from e
    if x.dtype != np.uint8 or x.ndim not in (3, 4) or 0 in x.shape:
        raise BrokenData(
            f"{path} holds {x.dtype} of shape {x.shape} where images (n, h, w, 3) of bytes were expected"
        )
    return x.copy() if not x.flags.writeable else x


def _by_positions(name: str, path: Path, x: np.ndarray, positions: Any) -> LabelledData:
    labels = np.full(len(x), -1)
    if not isinstance(positions, dict) or not positions:
        raise BrokenData(f"{path}: class_dict is no dict of classes to positions")
    classes = tuple(sorted(map(str, positions)))
    for k, (_, where) in enumerate(sorted(positions.items(), key=lambda item: str(item[0]))):
        i = np.asarray(where)
        if (
            i.dtype.kind not in "iu"
            or i.ndim != 1
            or i.size == 0
            or i.min() < 0
            or i.max() >= len(x)
        ):
            raise BrokenData(
                f"{path}: class {classes[k]} has positions outside the {len(x)} images"
            )
        if (labels[i] >= 0).any():
            raise BrokenData(f"{path}: class {classes[k]} shares an image with another class")
        labels[i] = k
    if (labels < 0).any():
        raise BrokenData(f"{path}: image {int(np.flatnonzero(labels < 0)[0])} belongs to no class")
    return LabelledData(name, torch.from_numpy(x), torch.from_numpy(labels), classes)


def _numbered(name: str, path: Path, x: np.ndarray, labels: np.ndarray) -> LabelledData:
    if labels.shape != (len(x),) or labels.dtype.kind not in "iuU":
        raise BrokenData(f"{path} has {len(x)} images, but labels of shape {labels.shape}")
    if labels.dtype.kind == "i" and labels.min() < 0:
        raise BrokenData(f"{path} has the label {labels.min()}: labels number classes, from 0")
    values, numbers = np.unique(labels, return_inverse=True)
    classes = tuple(str(v) for v in values)
    return LabelledData(
        name, torch.from_numpy(x), torch.from_numpy(numbers.astype(np.int64)), classes
    )
