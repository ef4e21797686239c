"""Small data sets as they lie on disk."""

import gzip
import io
import pickle
import struct
import zipfile

import numpy as np
from PIL import Image


def picture(array, kind="PNG"):
    """Content of a picture file."""
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, kind)
    return buffer.getvalue()


def drawing(k, size=105):
    """A picture whose pixels tell k."""
    a = np.full((size, size), 255, np.uint8)
    a[: k + 1, : k + 1] = 0
    return a


def omniglot_files(
    top, classes=("Greek/character01", "Greek/character02", "Latin/character01"), each=3
):
    """Path inside to content."""
    return {
        f"{top}/{c}/{k:04d}_{j:02d}.png": picture(drawing(3 * k + j), "PNG")
        for k, c in enumerate(classes)
        for j in range(each)
    }


def write_zip(path, files):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as z:
        for name, content in files.items():
            z.writestr(name, content)


def write_folder(root, files):
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)


def idx(array, code=8):
    header = struct.pack(">BBBB", 0, 0, code, array.ndim) + struct.pack(
        f">{array.ndim}I", *array.shape
    )
    return header + array.tobytes()


def write_mnist(root, n=12, packed=True, stem="train"):
    root.mkdir(parents=True, exist_ok=True)
    x = (np.arange(n * 784) % 251).astype(np.uint8).reshape(n, 28, 28)
    y = (np.arange(n) % 10).astype(np.uint8)
    for name, content in (
        (f"{stem}-images-idx3-ubyte", idx(x)),
        (f"{stem}-labels-idx1-ubyte", idx(y)),
    ):
        data = gzip.compress(content) if packed else content
        (root / (name + (".gz" if packed else ""))).write_bytes(data)
    return x, y


def colours(n, size=8, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, size, size, 3), dtype=np.uint8)


def write_pickle(path, content, protocol=2):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content, protocol=protocol))
