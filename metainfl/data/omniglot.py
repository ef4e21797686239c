"""Omniglot (Lake et al. 2015): 1,623 characters of 50 alphabets, 20 drawings of each, 105 x 105."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from metainfl.data.labelled import LabelledData
from metainfl.data.locate import first_of, folders
from metainfl.data.pictures import decoded, pictures_in, stacked_pictures
from metainfl.data.typed import typed
from metainfl.errors import BrokenData, MissingData
from metainfl.numbers import said

SOURCE = (
    "Omniglot by Brenden Lake, published in the repository brendenlake/omniglot on GitHub, folder python: "
    "images_background.zip and images_evaluation.zip (or the small images_background_small1.zip and "
    "_small2.zip), as zip or extracted, in a folder omniglot"
)
PARTS = ("background", "evaluation", "background_small1", "background_small2")


@typed
def read_omniglot(
    directory: str | Path | None = None, *, parts: Sequence[str] | None = None
) -> LabelledData:
    """Drawings (n, 105, 105) as uint8, ink 0 on paper 255; classes "Alphabet/character01".

    `parts` among "background", "evaluation", "background_small1", "background_small2"; without it the two
    large ones that are there, else the small ones. A character in two parts is one class, a drawing in
    two parts one drawing. Each part may be a zip or an extracted folder. Raises `MissingData`,
    `BrokenData`.
    """
    places = folders(directory, ("omniglot", "Omniglot", "omniglot-py", "omniglot/python"), SOURCE)
    drawings: dict[tuple[str, str], tuple[bytes, str]] = {}
    for path in _paths(places, parts):
        before = len(drawings)
        for inside, content in pictures_in(path):
            if len(inside.parts) < 3:
                raise BrokenData(
                    f"{path}: {inside} does not lie in alphabet/character, as drawings of Omniglot do"
                )
            character = "/".join(inside.parts[-3:-1])
            drawings.setdefault((character, inside.name), (content, f"{inside} in {path}"))
        if len(drawings) == before and not drawings:
            raise BrokenData(f"{path} holds no picture. Wanted: {SOURCE}")
    keys = sorted(drawings)
    classes = tuple(sorted({character for character, _ in keys}))
    number = {name: k for k, name in enumerate(classes)}
    pictures = [decoded(*drawings[k], mode="L") for k in keys]
    x = stacked_pictures(pictures, [drawings[k][1] for k in keys], "Omniglot")
    labels = torch.tensor([number[character] for character, _ in keys], device="cpu")
    return LabelledData("omniglot", torch.from_numpy(x), labels, classes)


def _paths(places: Sequence[Path], parts: Sequence[str] | None) -> list[Path]:
    """Where the parts lie, each as a folder or a zip."""
    if parts is not None:
        if not isinstance(parts, list | tuple) or not all(isinstance(p, str) for p in parts):
            raise MissingData(f"parts is a list of {', '.join(PARTS)}; got {said(parts)}")
        wrong = sorted(set(parts) - set(PARTS))
        if wrong or not parts:
            raise MissingData(f"Omniglot has the parts {', '.join(PARTS)}, not {wrong or 'none'}")
        return [first_of(places, _names(part), SOURCE) for part in parts]
    for group in (PARTS[:2], PARTS[2:]):
        found = [
            place / name
            for part in group
            for place, name in [_where(places, part)]
            if place is not None
        ]
        if found:
            return found
    return [first_of(places, [n for part in PARTS for n in _names(part)], SOURCE)]


def _names(part: str) -> tuple[str, str]:
    return f"images_{part}", f"images_{part}.zip"


def _where(places: Sequence[Path], part: str) -> tuple[Path | None, str]:
    for place in places:
        for name in _names(part):
            if (place / name).exists():
                return place, name
    return None, ""
