"""Picture files (PNG, JPEG, whatever Pillow reads) in a folder or in a zip, without extracting it."""

from __future__ import annotations

import io
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import numpy as np

from metainfl.errors import BrokenData

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif")
Wanted = Callable[[PurePosixPath], bool]


def pictures_in(
    path: Path, wanted: Wanted = lambda p: True
) -> Iterator[tuple[PurePosixPath, bytes]]:
    """Every wanted picture below a folder or inside a zip, in sorted order: its path there, its content.

    Files that systems leave behind (hidden ones, __MACOSX) are passed over.
    """
    if path.is_dir():
        for inside in paths_in(path, wanted):
            yield inside, (path / inside).read_bytes()
        return
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as e:
        raise BrokenData(f"{path} is no zip file, or is cut short: {e}; fetch it again") from e
    with archive:
        for name in sorted(archive.namelist()):
            inside = PurePosixPath(name)
            if _is_picture(inside) and wanted(inside):
                yield inside, _member(archive, name, path)


def paths_in(folder: Path, wanted: Wanted = lambda p: True) -> Iterator[PurePosixPath]:
    """The same of a folder, without reading any of them."""
    for p in sorted(folder.rglob("*")):
        inside = PurePosixPath(p.relative_to(folder).as_posix())
        if _is_picture(inside) and wanted(inside):
            yield inside


def _is_picture(path: PurePosixPath) -> bool:
    return path.suffix.lower() in SUFFIXES and not any(
        part.startswith(".") or part == "__MACOSX" for part in path.parts
    )


def _member(archive: zipfile.ZipFile, name: str, path: Path) -> bytes:
    try:
        return archive.read(name)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        NotImplementedError,
        RuntimeError,
    ) as e:
        raise BrokenData(f"{name} in {path} is damaged: {e}; fetch the zip again") from e


def decoded(content: bytes, where: str, mode: str) -> np.ndarray:
    """A picture as uint8 (h, w) for mode "L" or (h, w, 3) for "RGB"."""
    from PIL import Image, UnidentifiedImageError  # slow to import

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content)) as picture:
                converted = picture.convert(mode)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError) as e:
        raise BrokenData(f"{where} is no picture, or is cut short: {e}") from e
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as e:
        raise BrokenData(f"{where} claims to be far larger than a picture of this set: {e}") from e
    return np.asarray(converted, dtype=np.uint8)


def stacked_pictures(pictures: list[np.ndarray], names: list[str], source: str) -> np.ndarray:
    """Pictures of one size as one array; the first of another size is named."""
    for picture, name in zip(pictures, names, strict=True):
        if picture.shape != pictures[0].shape:
            raise BrokenData(
                f"{name} is {picture.shape[0]} x {picture.shape[1]}, but {names[0]} is "
                f"{pictures[0].shape[0]} x {pictures[0].shape[1]}: {source} has one size"
            )
    return np.stack(pictures)
