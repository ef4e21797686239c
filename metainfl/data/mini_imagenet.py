"""mini-ImageNet (Vinyals et al. 2016; splits of Ravi and Larochelle 2017): 100 classes, 84 x 84 in colour."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from metainfl.data.features import resized
from metainfl.data.labelled import LabelledData
from metainfl.data.locate import folders
from metainfl.data.pickles import read_pickle
from metainfl.data.pictures import decoded, pictures_in
from metainfl.data.split_file import named_pictures
from metainfl.data.tables import from_mapping
from metainfl.data.typed import typed
from metainfl.errors import BrokenData, MissingData
from metainfl.numbers import among

SOURCE = (
    "mini-ImageNet, made from ImageNet's training images with the split files train.csv, val.csv and "
    "test.csv of Ravi and Larochelle (repository twitter/meta-learning-lstm on GitHub); in a folder "
    "mini-imagenet as mini-imagenet-cache-SPLIT.pkl, as images/ beside the csv files, or as "
    "SPLIT/class/picture.jpg"
)
_PICKLES = (
    "mini-imagenet-cache-{}.pkl",
    "mini-imagenet-cache-{}.pickle",
    "miniImageNet_category_split_{}.pickle",
    "miniImageNet_category_split_{}_phase_train.pickle",
    "{}.pkl",
    "{}.pickle",
)


@typed
def read_mini_imagenet(
    directory: str | Path | None = None, *, split: str = "train", size: int = 84
) -> LabelledData:
    """Images (n, size, size, 3) as uint8; `split` is "train" (64 classes), "val" (16) or "test" (20).

    Looks for the pickled form in circulation (read without running anything in it), for the csv file of
    the split beside a folder of pictures, and for one folder of pictures a class, in this order.
    Pictures of another size are resized by area. Raises `MissingData`, `BrokenData`.
    """
    names = ("mini-imagenet", "mini_imagenet", "miniimagenet", "miniImageNet", "mini-ImageNet")
    places = folders(directory, names, SOURCE)
    if not among(split, ("train", "val", "test")):
        raise MissingData(f'mini-ImageNet has the splits "train", "val" and "test", not {split!r}')
    called = (split, "validation") if split == "val" else (split,)
    for place in places:
        for path in (place / name.format(c) for name in _PICKLES for c in called):
            if path.is_file():
                return _all_sized(from_mapping("mini-imagenet", path, read_pickle(path)), size)
        for path in (place / f"{c}.csv" for c in called):
            if path.is_file():
                return _by_csv(path, place, size)
        for path in (place / c for c in called):
            if path.is_dir():
                return _by_folder(path, size)
    raise MissingData(
        f"no pickle, csv file or folder of the {split} split lies in "
        f"{' or '.join(map(str, places))}. Wanted: {SOURCE}"
    )


def _by_csv(path: Path, place: Path, size: int) -> LabelledData:
    """The pictures that a csv file of a split names, in its order."""
    named = named_pictures(path, place, SOURCE)
    pictures = [
        _sized(decoded((place / p).read_bytes(), str(place / p), "RGB"), size) for p, _ in named
    ]
    return _labelled(pictures, [c for _, c in named])


def _by_folder(path: Path, size: int) -> LabelledData:
    """One folder a class."""
    pictures, names = [], []
    for p, content in pictures_in(path):
        if len(p.parts) < 2:
            raise BrokenData(f"{path / p} lies outside the folder of a class")
        pictures.append(_sized(decoded(content, str(path / p), "RGB"), size))
        names.append(p.parts[0])
    if not pictures:
        raise BrokenData(f"{path} holds no picture. Wanted: {SOURCE}")
    return _labelled(pictures, names)


def _labelled(pictures: list[np.ndarray], names: list[str]) -> LabelledData:
    classes = tuple(sorted(set(names)))
    number = {name: k for k, name in enumerate(classes)}
    labels = torch.tensor([number[n] for n in names], device="cpu")
    return LabelledData("mini-imagenet", torch.from_numpy(np.stack(pictures)), labels, classes)


def _sized(picture: np.ndarray, size: int) -> np.ndarray:
    """One picture (h, w, 3) in the size asked for."""
    if picture.shape[:2] == (size, size):
        return picture
    small = resized(torch.from_numpy(picture.copy()).movedim(-1, 0), size).round()
    return small.to(torch.uint8).movedim(0, -1).numpy()


def _all_sized(data: LabelledData, size: int) -> LabelledData:
    """Pickled images (n, h, w, 3) in the size asked for."""
    if data.x.shape[1:3] == (size, size):
        return data
    return data.mapped(
        lambda x: torch.stack([torch.from_numpy(_sized(picture.numpy(), size)) for picture in x])
    )
