"""The scores that are kept between two calls of the same question.

They are found again by what they were asked of (a fingerprint), not by name.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from metainfl.attribution.answer import Answer
from metainfl.derive.problem import Problem
from metainfl.derive.witness import witness
from metainfl.pools.aside import set_aside
from metainfl.problem.digest import digest, meaning
from metainfl.problem.tasks import Tasks
from metainfl.training import Run
from metainfl.training.fingerprint import fingerprint
from metainfl.whole_file import whole_file


class Scores:
    """A file of scores, valid for one subject, its targets and the number of seeds."""

    def __init__(
        self, folder: Path | None, subject: Run | Problem, targets: Tasks, more: object
    ) -> None:
        self.path = None if folder is None else folder / "scores.safetensors"
        if isinstance(subject, Run):
            own: tuple[object, ...] = fingerprint(subject.program), subject.done
        else:
            own = *meaning(subject), subject.symmetry, witness(subject, subject.lam)
        self.asked = digest(own, subject.lam, targets, more)

    def read(self) -> Answer | None:
        """What is there, if it answers this question."""
        if self.path is None or not self.path.exists():
            return None
        try:
            found = load_file(self.path)
            asked = bytes(found["asked"].tolist()).decode()
            words = bytes(found["interval"].tolist()).decode()
            value = found["value"]
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            set_aside(self.path, error, "scores are computed again")
            return None
        if asked != self.asked:
            return None
        return Answer(value, found.get("half_width"), words, found.get("own"))

    def write(self, answer: Answer) -> None:
        """Whole, or not at all."""
        if self.path is None:
            return
        rows = {"value": answer.value.cpu().contiguous(), "asked": _bytes(self.asked)}
        rows["interval"] = _bytes(answer.interval)
        for name, more in (("half_width", answer.half_width), ("own", answer.own)):
            if more is not None:
                rows[name] = more.cpu().contiguous()
        with whole_file(self.path) as half:
            save_file(rows, half)


def _bytes(text: str) -> Tensor:
    return torch.tensor(list(text.encode()), dtype=torch.uint8, device="cpu")
