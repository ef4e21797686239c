"""The cells of one draw of a setting: the run, every method's scores, and what reruns say."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import torch

import metainfl as mi
from bench.what_methods_say.abreast import reruns
from bench.what_methods_say.methods import METHODS
from bench.what_methods_say.settings import Made, Setting
from metainfl.errors import MetainflError
from metainfl.training import Run, train
from metainfl.training.program import Program

Cell = dict[str, Any]
TENTH = 10


class Draw:
    """One seed of one setting; the run is trained when a cell first needs it."""

    def __init__(self, setting: Setting, seed: int, size: str) -> None:
        self.setting, self.seed, self.size = setting, seed, size

    @cached_property
    def made(self) -> Made:
        return self.setting.make(self.seed)

    @cached_property
    def run(self) -> Run:
        return train(self.made.problem, self.made.recipe, start=self.made.start, progress=False)

    @property
    def pis(self):
        return [mi.task(k) for k in range(self.made.problem.tasks.n_tasks)]

    def groups(self) -> list[list[int]]:
        """Random tenths of the tasks; more of them leave the first as they were."""
        n, draw = self.made.problem.tasks.n_tasks, torch.Generator().manual_seed(self.seed)
        count = self.setting.groups[self.size]
        return [torch.randperm(n, generator=draw)[: n // TENTH].tolist() for _ in range(count)]

    def singles(self) -> list[int]:
        """Tasks that are removed one at a time."""
        n, draw = self.made.problem.tasks.n_tasks, torch.Generator().manual_seed(self.seed)
        return torch.randperm(n, generator=draw)[: self.setting.singles[self.size]].tolist()

    # -- cells -----------------------------------------------------------------------------------
    def cells(self) -> Iterator[tuple[Cell, Callable[[], dict[str, Any]]]]:
        """Parameters and what computes them: cheap and telling ones first."""
        own = {"setting": self.setting.name, "seed": self.seed}
        yield {**own, "what": "run"}, self.about
        for name in METHODS:
            yield {**own, "what": "method", "method": name}, lambda name=name: self.scored(name)
        yield {**own, "what": "groups"}, lambda: self.removed(self.groups())
        yield {**own, "what": "singles"}, lambda: self.removed([[k] for k in self.singles()])
        for other in range(self.setting.retrained[self.size]):
            cell = {**own, "what": "retrained", "other": other}
            yield cell, lambda s=other: self.retrained(s)

    def about(self) -> dict[str, Any]:
        """The run: cost, losses, smoothness, which tasks are wrong."""
        seconds = []
        for _ in range(3):
            started = time.process_time()
            self.run.program.run_to(self.run.done)
            seconds.append(time.process_time() - started)
        p, held = self.run.problem(), self.made.targets
        before = p.losses(self.made.start.to(p.lam), held.to(dtype=p.lam.dtype)).mean()
        return {
            "parameters": p.n_meta,
            "tasks": p.tasks.n_tasks,
            "targets": held.n_tasks,
            "words": self.setting.words,
            "recipe": self.made.recipe.to_json(),
            "training_seconds": float(np.median(seconds)),
            "loss_before": float(before),
            "loss_after": self.losses(self.run.lam[None])[0],
            "metasmoothness": self.run.smoothness().value,
            "wrong": self.made.wrong.nonzero()[:, 0].tolist(),
        }

    def scored(self, name: str) -> dict[str, Any]:
        """Mean scores over targets, and processor seconds; or why there are none."""
        run = self.run
        run.target_losses(self.made.targets)  # what is measured once is measured before
        started = time.process_time()
        try:
            value = METHODS[name](run, self.pis, self.made.targets).double().mean(dim=1)
        except MetainflError as error:
            return {"refused": f"{type(error).__name__}: {error}"}
        return {"scores": value.tolist(), "processor_seconds": time.process_time() - started}

    def losses(self, lams: torch.Tensor) -> list[float]:
        """Mean over targets at the end of each rerun, in float64."""
        end = self.run.problem()
        held = self.made.targets.to(end.lam.device, end.lam.dtype)
        return [float(end.losses(lam, held).double().mean()) for lam in lams]

    def weights(self, groups: list[list[int]]) -> torch.Tensor:
        """Task weights of the whole run, and of the run without each group."""
        w = self.run.program.problem.tasks.w.repeat(1 + len(groups), 1)
        for i, g in enumerate(groups):
            w[i + 1, g] = 0
        return w

    def removed(self, groups: list[list[int]]) -> dict[str, Any]:
        """Changes of the loss by removal, same seed; the first one also by `Run.without`."""
        lams = reruns(self.run.program, self.weights(groups), self.setting.width)
        first = self.run.without(mi.group([mi.task(k) for k in groups[0]])).lam
        whole, *after = self.losses(lams)
        moved = (first - self.run.lam).norm()
        return {
            "members": groups,
            "changes": [x - whole for x in after],
            "off_replay": float((lams[1] - first).norm() / moved),
        }

    def retrained(self, other: int) -> dict[str, Any]:
        """The same by training from another seed, where the start is drawn from another start too."""
        made, seed = self.made, 10_000 + 100 * self.seed + other
        start = made.start if made.other_start is None else made.other_start(seed)
        program = Program(made.problem, replace(made.recipe, seed=seed), start)
        whole, *after = self.losses(
            reruns(program, self.weights(self.groups()), self.setting.width)
        )
        return {"changes": [x - whole for x in after]}
