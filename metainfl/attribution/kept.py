"""What is kept between two calls of the same question: the run that was trained, and its scores.

Killed at any point, the same command goes on: training from its last saved state, scores from the file,
removals from theirs. Scores are found again by what they were asked of (a fingerprint), not by name.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from metainfl.attribution.answer import Answer
from metainfl.derive.problem import Problem
from metainfl.errors import Interrupted, InvalidRecipe
from metainfl.problem.digest import digest, meaning
from metainfl.problem.tasks import Tasks
from metainfl.training import Recipe, Run, load, save, train
from metainfl.training.fingerprint import fingerprint


def trained(problem: Problem, recipe: Recipe, folder: Path | None, progress: bool) -> Run:
    """The run, gone on with where the folder holds its beginning; kept there, finished or interrupted."""
    own = None if folder is None else folder / "run"
    run = None
    if own is not None and (own / "run.json").exists():
        try:
            run = load(own, problem)
            if run.recipe != recipe:
                run = None
        except InvalidRecipe:
            run = None  # of another problem: trained anew, and written over
    try:
        run = (
            train(problem, recipe, progress=progress)
            if run is None
            else run.resume(progress=progress)
        )
    except Interrupted as stopped:
        if own is not None:
            begun = stopped.result
            assert isinstance(begun, Run)
            save(begun, own)
            raise KeyboardInterrupt(
                f"training stopped after {begun.done} of {begun.program.steps} steps, kept in {own}; the "
                "same command goes on"
            ) from None
        raise
    if own is not None:
        save(run, own)
    return run


class Scores:
    """A file of scores, valid for one subject, its targets and the number of seeds."""

    def __init__(
        self, folder: Path | None, subject: Run | Problem, targets: Tasks, more: object
    ) -> None:
        self.path = None if folder is None else folder / "scores.safetensors"
        if isinstance(subject, Run):
            own: tuple[object, ...] = fingerprint(subject.program), subject.done
        else:
            own = *meaning(subject), subject.symmetry
        self.asked = digest(own, subject.lam, targets, more)

    def read(self) -> Answer | None:
        """What is there, if it answers this question."""
        if self.path is None or not self.path.exists():
            return None
        try:
            found = load_file(self.path)
        except (OSError, SafetensorError):
            return None  # cut short: computed again
        if bytes(found["asked"].tolist()).decode() != self.asked:
            return None
        words = bytes(found["interval"].tolist()).decode()
        return Answer(found["value"], found.get("half_width"), words, found.get("own"))

    def write(self, answer: Answer) -> None:
        """Whole, or not at all."""
        if self.path is None:
            return
        rows = {"value": answer.value.cpu().contiguous(), "asked": _bytes(self.asked)}
        rows["interval"] = _bytes(answer.interval)
        for name, more in (("half_width", answer.half_width), ("own", answer.own)):
            if more is not None:
                rows[name] = more.cpu().contiguous()
        half = self.path.with_suffix(".part")
        save_file(rows, half)
        half.replace(self.path)


def _bytes(text: str) -> Tensor:
    return torch.tensor(list(text.encode()), dtype=torch.uint8)
