"""What every reader returns: inputs, class numbers and class names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from metainfl.errors import InvalidTasks
from metainfl.numbers import said


@dataclass(frozen=True, eq=False)
class LabelledData:
    """n labelled inputs: x (n, h, w) or (n, h, w, c) as stored, or (n, ...) once made into features.

    `labels` (n,) are whole numbers into `classes`. `families` says which classes belong together (a class
    and its rotations): class-disjoint splits never part them. By default each class is its own family.
    """

    name: str
    x: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    families: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """`omniglot: 4840 inputs (105, 105) torch.uint8 of 242 classes`."""
        text = f"{self.name}: {len(self.x)} inputs {tuple(self.x.shape[1:])} {self.x.dtype} of "
        return text + f"{len(self.classes)} classes"

    def __post_init__(self) -> None:
        for name in ("x", "labels"):
            value = getattr(self, name)
            if not isinstance(value, Tensor):
                raise InvalidTasks(
                    f"{self.name}: {name} must be a torch.Tensor, got {said(value)}: torch.as_tensor"
                )
        if self.x.ndim < 2 or self.labels.ndim != 1 or len(self.x) != len(self.labels):
            raise InvalidTasks(
                f"{self.name}: inputs {tuple(self.x.shape)} and labels {tuple(self.labels.shape)} do not "
                "fit; one label an input"
            )
        if self.labels.is_floating_point():
            raise InvalidTasks(
                f"{self.name}: labels must be whole numbers, got {self.labels.dtype}"
            )
        if len(self.labels) == 0:
            raise InvalidTasks(f"{self.name}: no inputs")
        if len(set(self.classes)) != len(self.classes):
            raise InvalidTasks(f"{self.name}: a class name occurs twice")
        low, high = int(self.labels.min()), int(self.labels.max())
        if low < 0 or high >= len(self.classes):
            raise InvalidTasks(
                f"{self.name}: labels run from {low} to {high}, but there are {len(self.classes)} classes"
            )
        if not self.families:
            object.__setattr__(self, "families", self.classes)
        elif len(self.families) != len(self.classes):
            raise InvalidTasks(
                f"{self.name}: {len(self.families)} families for {len(self.classes)} classes"
            )

    def __len__(self) -> int:
        return len(self.labels)

    def pools(self) -> list[Tensor]:
        """Of every class the positions of its inputs, ascending."""
        order = torch.argsort(self.labels, stable=True)
        counts = torch.bincount(self.labels, minlength=len(self.classes))
        return list(order.split(counts.tolist()))

    def only(self, classes: Sequence[int]) -> LabelledData:
        """The inputs of these classes alone, class i of the result being `classes[i]`."""
        chosen = [int(c) for c in classes]
        wrong = [c for c in chosen if not 0 <= c < len(self.classes)]
        if wrong or not chosen or len(set(chosen)) != len(chosen):
            raise InvalidTasks(
                f"{self.name}: classes must be different numbers below {len(self.classes)}, got {chosen}"
            )
        number = torch.full((len(self.classes),), -1, device="cpu")
        number[torch.tensor(chosen, device="cpu")] = torch.arange(len(chosen), device="cpu")
        labels = number[self.labels]
        keep = labels >= 0
        return LabelledData(
            self.name,
            self.x[keep],
            labels[keep],
            tuple(self.classes[c] for c in chosen),
            tuple(self.families[c] for c in chosen),
        )

    def mapped(self, f: Callable[[Tensor], Tensor]) -> LabelledData:
        """The same labels with f(x) for x; f takes and returns (n, ...)."""
        return LabelledData(self.name, f(self.x), self.labels, self.classes, self.families)
