"""The network that the experiments train: its tasks, its targets, its recipe, and what is read off it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor, nn

from metainfl.adaptation import Unrolled
from metainfl.curvature import Curvature, exact
from metainfl.derive.problem import Problem
from metainfl.experiments import kept
from metainfl.experiments.placing import there
from metainfl.problem.losses import cross_entropy
from metainfl.problem.tasks import Tasks
from metainfl.solve.spectrum import lanczos
from metainfl.training import Recipe, Run, objective
from metainfl.training.steps import step_scale

LOOKED = 20  # steps of Lanczos for the lowest eigenvalue, and twice as many to see whether they were enough


@dataclass(frozen=True)
class Setting:
    """MAML with an MLP on five-way tasks of images: training tasks, new tasks, and how it is trained."""

    images: Tasks  # (T, n, c, h, w), 0 to 1
    new_images: Tasks
    read: Callable[[Tensor], Tensor]  # images -> what the network reads (..., d)
    network: Callable[[], nn.Module]  # its start drawn from the seed
    recipe: Recipe
    seed: int
    tests: int  # of the training tasks, those that 002 tests with
    mean: Tensor  # of the images (h w,): what `read` subtracts from pixels
    classes: list[list[int]]  # of the training tasks' ways, in the data set's numbers
    new_classes: list[list[int]]  # of the new tasks'; other numbers where the classes are others

    @cached_property
    def tasks(self) -> Tasks:
        """Training tasks as the network reads them."""
        return self.features(self.images)

    @cached_property
    def new(self) -> Tasks:
        """New tasks as the network reads them."""
        return self.features(self.new_images)

    def features(self, images: Tasks) -> Tasks:
        """Tasks of images as the network reads them, where the run is."""
        sides = {n: self.read(getattr(images, n)) for n in ("support_x", "query_x")}
        return there(replace(images, **sides))

    def problem(self, tasks: Tasks | None = None) -> Problem:
        """At its start; other training tasks where given."""
        return Problem(
            self.network(),
            self.tasks if tasks is None else tasks,
            Unrolled(1, 0.1),
            inner_loss=cross_entropy,
            outer_reg=1e-3,
        )

    def trained(self, tasks: Tasks | None = None) -> Run:
        """The run, kept on its way."""
        return kept.trained(self.problem(tasks), self.recipe)


def damping(run: Run, curvature: Curvature = exact) -> float:
    """What makes the Hessian of the objective at a run's end definite, and leaves out what it did not reach.

    Of `curvature` in its place. Lanczos sees the lowest eigenvalue from above: what it gives is used where
    twice the steps have settled, and find it enough.
    """
    matrix, near = curvature(objective(run)), reach(run)
    steps, seen = LOOKED, lanczos(matrix, LOOKED)
    while True:
        found = float(near + 2 * max(0.0, -seen.low))
        steps *= 2
        seen = lanczos(matrix, steps)
        settled = float(seen.residuals[0]) < near / 4
        if settled and seen.low + found > near / 2:
            return found


def reach(run: Run) -> float:
    """T / (sum of steps): the curvature, of a sum over tasks, along which the run has come far. A step is the
    rate, times what the optimiser makes of a gradient (Adam's at the end of the run).
    """
    step = float(step_scale(run, [run.done - 1]).mean())
    return run.program.problem.tasks.n_tasks / (step * sum(run.program.rates[: run.done]))


def accuracy(problem: Problem, lam: Tensor, tasks: Tasks) -> float:
    """The share of query instances that are classified rightly after adaptation from lam."""
    right = []
    for _, batch in tasks.groups():
        state = problem.adaptation.prepare(problem.setting, lam, batch.view())
        outputs = torch.func.vmap(problem.outputs, in_dims=(None, None, 0, 0))(
            lam, lam, batch.view(), state
        )
        right.append((outputs.argmax(-1) == batch.query_y.argmax(-1)).double().flatten())
    return float(torch.cat(right).mean())


def loss(problem: Problem, lam: Tensor, tasks: Tasks) -> float:
    """Mean over tasks of the loss after adaptation, a query instance."""
    return float(problem.losses(lam, tasks).mean()) / tasks.query_x.shape[1]
