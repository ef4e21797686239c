"""The network that the experiments train, by size: its tasks, its targets, its recipe, and its damping."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from metainfl.adaptation import Unrolled
from metainfl.curvature import exact
from metainfl.data import draw, pixels, read_digits, read_omniglot, split_classes, stacked
from metainfl.derive.problem import Problem
from metainfl.problem.losses import cross_entropy
from metainfl.problem.tasks import Tasks
from metainfl.solve.spectrum import lanczos
from metainfl.training import Recipe, Run, train
from metainfl.training.networks import mlp


@dataclass(frozen=True)
class Setting:
    """MAML with an MLP on five-way tasks: training tasks, new tasks, and how it is trained."""

    tasks: Tasks
    new: Tasks
    widths: tuple[int, ...]
    recipe: Recipe
    seed: int
    mean: Tensor  # image that was subtracted from the inputs
    classes: list[list[int]]  # of the training tasks' ways, in the data set's numbers
    new_classes: list[
        list[int]
    ]  # of the new tasks'; at the paper's size others than all of `classes`

    def problem(self, tasks: Tasks | None = None) -> Problem:
        """With its start drawn from the seed; other training tasks where given."""
        return Problem(
            mlp(self.widths, activation="tanh", seed=self.seed),
            self.tasks if tasks is None else tasks,
            Unrolled(1, 0.1),
            inner_loss=cross_entropy,
            outer_reg=1e-3,
        )

    def trained(self, tasks: Tasks | None = None) -> Run:
        """The run."""
        return train(self.problem(tasks), self.recipe, progress=False)


def setting(
    size: str, seed: int, data: Path | None, *, tasks: int = 120, new: int = 40, hidden: int = 16
) -> Setting:
    """Small: scikit-learn's digits, 64-16-5. Paper: Omniglot's characters at 14 x 14, 196-32-5, classes of

    new tasks never seen in training, ten times the tasks.
    """
    if size == "small":
        read = read_digits()
        mean = pixels(read.x).mean(0)
        inputs = partial(_centred, mean=mean, side=8)
        known = unknown = read
        widths, steps = (64, hidden, 5), 200
    else:
        known, unknown = split_classes(read_omniglot(data), (0.8, 0.2), seed=seed)
        mean = pixels(known.x, size=14, invert=True).mean(0)
        inputs = partial(_centred, mean=mean, side=14)
        widths, steps, tasks, new = (196, 2 * hidden, 5), 2000, 10 * tasks, 10 * new
    five_way = partial(draw, ways=5, shots=2, queries=4, inputs=inputs)
    drawn = five_way(known, tasks, seed=seed)
    fresh = five_way(unknown, new, seed=100_000 + seed)
    recipe = Recipe(rate=0.03, steps=steps, batch_size=16, seed=seed)
    tasks_of = (_flat(stacked(drawn)), _flat(stacked(fresh)))
    others = 0 if unknown is known else len(known.classes)
    classes = [e.classes.tolist() for e in drawn]
    new_classes = [(e.classes + others).tolist() for e in fresh]
    return Setting(*tasks_of, widths, recipe, seed, mean.flatten(), classes, new_classes)


def damping(run: Run) -> float:
    """What makes the Hessian of the sum at the run's end definite, and leaves out what the run could not

    reach: T / (sum of rates), a step's gradient being a mean over tasks.
    """
    end = run.problem()
    low = lanczos(exact(end), 20).low
    reach = end.tasks.n_tasks / sum(run.program.rates[: run.done])
    return float(reach + 2 * max(0.0, -float(low)))


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


def _centred(x: Tensor, *, mean: Tensor, side: int) -> Tensor:
    read = pixels(x) if side == 8 else pixels(x, size=side, invert=True)
    return read - mean


def _flat(tasks: Tasks) -> Tasks:
    return replace(tasks, support_x=tasks.support_x.flatten(2), query_x=tasks.query_x.flatten(2))
