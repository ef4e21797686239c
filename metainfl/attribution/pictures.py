"""Instances as pictures inside a page, where they are images; else what there is to say of them."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from metainfl.errors import InvalidOption
from metainfl.problem.magnitude import norm
from metainfl.problem.tasks import Tasks

SHOWN = 25  # instances of a side that a page shows
SIDE = 56  # pixels of the longer side, at least, on the page


def shape_of(tasks: Tasks, image: Sequence[int] | None) -> tuple[int, ...] | None:
    """(h, w) or (c, h, w) of an instance as a picture; None where it is none."""
    own = tuple(tasks.select([0]).query_x.shape[2:])
    if image is not None:
        shape = tuple(int(n) for n in image)
        wrong = len(shape) not in (2, 3) or min(shape) < 1
        if wrong or int(np.prod(shape)) != int(np.prod(own)):
            raise InvalidOption(
                f"an instance has shape {own}, {int(np.prod(own))} numbers, which are no picture of "
                f"{'x'.join(map(str, shape))}; give HxW or CxHxW with that many"
            )
        own = shape
    if len(own) == 3 and own[0] in (1, 3) and min(own[1:]) > 1:
        return own
    if len(own) == 2 and min(own) > (3 if image is None else 0):
        return own
    if image is None:
        return None
    raise InvalidOption(
        f"{'x'.join(map(str, own))} is no picture: CxHxW has one channel (grey) or three (colours) "
        "first, and more than one pixel a side"
    )


def square(tasks: Tasks) -> str | None:
    """HxW where instances are vectors of a square number of entries: they may be pictures."""
    own = tuple(tasks.select([0]).query_x.shape[2:])
    side = int(np.sqrt(own[0])) if len(own) == 1 else 0
    return f"{side}x{side}" if side > 3 and side * side == own[0] else None


class Pictures:
    """PNGs of the instances of some tasks, on the scale of grey of the training data's first tasks."""

    def __init__(self, tasks: Tasks, shape: tuple[int, ...], centre: Tensor | None = None) -> None:
        self.tasks, self.shape = tasks, shape
        few = tasks.select(list(range(min(20, tasks.n_tasks))))
        self.centre = 0.0 if centre is None else centre.detach().cpu().double().reshape(shape)
        values = torch.cat(
            [self.grey(x).flatten() for _, b in few.groups() for x in b.query_x.flatten(0, 1)]
        )
        self.low, self.high = float(values.min()), float(values.max())

    def grey(self, x: Tensor) -> Tensor:
        """An instance in the shape that is shown."""
        return x.detach().cpu().double().reshape(self.shape) + self.centre

    def of(self, x: Tensor) -> str:
        """One instance as a data URI."""
        from PIL import Image

        grey = (self.grey(x).numpy() - self.low) / max(self.high - self.low, 1e-300)
        pixels = np.uint8(255 * grey.clip(0, 1))
        if pixels.ndim == 3:
            pixels = pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)
        picture = Image.fromarray(pixels)
        times = -(-SIDE // max(picture.size))
        if times > 1:
            size = (picture.width * times, picture.height * times)
            picture = picture.resize(size, Image.Resampling.NEAREST)
        out = io.BytesIO()
        picture.save(out, "PNG", optimize=True)
        return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def label(y: Tensor) -> str:
    """A target as a word: the class of one-hot and class numbers, else the number itself."""
    y = y.detach().cpu()
    if y.ndim == 0:
        return f"{y.item():.4g}" if y.is_floating_point() else f"class {int(y)}"
    hot = y.flatten()
    if len(hot) > 1 and bool(((hot == 0) | (hot == 1)).all()) and float(hot.sum()) == 1:
        return f"class {int(hot.argmax())}"
    return ", ".join(f"{v:.3g}" for v in hot[:4].tolist()) + (", ..." if len(hot) > 4 else "")


def facts(x: Tensor) -> str:
    """An instance that is no picture, in a few numbers."""
    flat = x.detach().cpu().double().flatten()
    head = ", ".join(f"{v:.3g}" for v in flat[:5].tolist()) + (", ..." if len(flat) > 5 else "")
    return f"{head} (norm {norm(flat):.3g})"
