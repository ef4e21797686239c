"""The IDX format of MNIST and its kin, gzipped or not."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from metainfl.errors import BrokenData

_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


def read_idx(path: str | Path, dimensions: int | None = None) -> np.ndarray:
    """The array of an IDX file in the machine's byte order; `dimensions` is how many are expected.

    Layout: two zero bytes, a byte for the type, a byte for the number of dimensions, each length as a
    big-endian 32-bit integer, then the entries row by row.
    """
    raw = Path(path).read_bytes()
    if raw[:2] == b"\x1f\x8b":
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError, zlib.error) as e:
            raise BrokenData(f"{path} is a damaged or cut gzip file: {e}; fetch it again") from e
    if len(raw) < 4 or raw[:2] != b"\0\0" or raw[2] not in _TYPES or raw[3] == 0:
        raise BrokenData(
            f"{path} is no IDX file: it begins with {raw[:4].hex(' ') or 'nothing'}, expected 00 00, a type "
            "(08 for bytes) and a number of dimensions"
        )
    n = raw[3]
    if dimensions is not None and n != dimensions:
        raise BrokenData(
            f"{path} has {n} dimensions, expected {dimensions}: images and labels may be exchanged"
        )
    start = 4 + 4 * n
    if len(raw) < start:
        raise BrokenData(f"{path} is cut inside its header")
    shape = [int(k) for k in np.frombuffer(raw, ">u4", n, 4)]
    kind = np.dtype(_TYPES[raw[2]])
    needed = start + math.prod(shape) * kind.itemsize
    if len(raw) != needed:
        raise BrokenData(
            f"{path} announces {' x '.join(map(str, shape))} entries, {needed} bytes; it has {len(raw)}"
        )
    return np.frombuffer(raw, kind, offset=start).reshape(shape).astype(kind.newbyteorder("="))
