"""Training runs: tangent and adjoint of every optimiser by complex step, reruns and mpmath."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from metainfl_reference.estimands import trajectory
from metainfl_reference.estimands.trajectory import Recipe, Run
from metainfl_reference.family import Family, targets
from metainfl_reference.generators import small, tiny
from metainfl_reference.perturbation import Perturbation, query, support, task
from metainfl_reference.routes.agreement import Agreement, compare
from metainfl_reference.second_route import highprec_run, rerun

H = 1e-30
BATCHES = ((0, 1, 2), (3, 4, 0), (1, 2), (0, 0, 3), (4,)) * 2  # unequal, and one index twice
RECIPES: dict[str, dict[str, Any]] = {
    "gradient descent": {},
    "momentum": {"momentum": 0.9, "weight_decay": 0.05},
    "Nesterov": {"momentum": 0.8, "nesterov": True, "weight_decay": 0.1, "decoupled": True},
    "dampened sums": {"momentum": 0.5, "dampening": 0.4, "reduction": "sum"},
    "Adam": {"optimiser": "adam", "weight_decay": 0.05},
    "AdamW, eps in the root": {
        "optimiser": "adam",
        "weight_decay": 0.1,
        "decoupled": True,
        "eps": 1e-3,
        "eps_inside_root": True,
    },
}


def recipe(name: str, batches: tuple[tuple[int, ...], ...] = BATCHES) -> Recipe:
    """One of `RECIPES` on these batches, its rates falling from 0.05 to 0.02."""
    rates = tuple(np.linspace(0.05, 0.02, len(batches)))
    return Recipe(batches, rates, **RECIPES[name])


def runs(family: Family) -> Iterator[Agreement]:
    """Tangent by complex steps and by reruns, adjoint by complex steps: one optimiser a line."""
    start = 0.3 * np.random.default_rng(0).standard_normal(family.n_meta)
    target = targets(family.episodes)[2]
    pis = weights_of(family)
    for name in RECIPES:
        of = trajectory.run(family, recipe(name), start)
        second = np.stack([rerun.by_complex_step(of, p) for p in pis])
        answer = trajectory.tangent(of, pis)
        yield compare(family.name, f"run, {name}", "complex step", answer, second, 1e-13)
        along = [family.target_loss(target, of.lam[-1] + 1j * H * x) for x in second]
        slopes = trajectory.adjoint(of, target).of(pis)
        want = np.imag(along) / H
        yield compare(family.name, f"run, {name}, adjoint", "complex step", slopes, want, 1e-13)
        differenced = np.stack([rerun.by_differences(of, p) for p in pis[:2]])
        first = trajectory.tangent(of, pis[:2])
        # central differences at h = 0.1/32 of states good to 1e-15 resolve about 1e-12
        yield compare(family.name, f"run, {name}", "Richardson reruns", first, differenced, 1e-10)


def weights_of(family: Family) -> list[Perturbation]:
    """A weight of each kind."""
    own = [] if family.name.startswith("single") else [support(0, 1)]
    return [task(0), query(1, 0), *own]


def high_precision(name: str) -> Agreement:
    """Adam on the smallest problem against mpmath."""
    of = smallest(name, "Adam")
    pis = weights_of(of.family)
    second = np.stack([highprec_run.derivative(of, p) for p in pis])
    answer = trajectory.tangent(of, pis)
    return compare(name, "run, Adam", "mpmath", answer, second, 1e-12)


def smallest(name: str, optimiser: str) -> Run:
    """Three steps on two tasks: for high-precision arithmetic."""
    family = tiny(name)
    start = np.linspace(0.4, -0.1, family.n_meta)
    return trajectory.run(family, recipe(optimiser, ((0, 1), (1,), (0, 0, 1))), start)


def credits() -> Iterator[Agreement]:
    """Ideal TracIn by its telescoping sum, TracIn by complex steps of the target's loss."""
    family = small("maml_softmax", 1)
    name, target = family.name, targets(family.episodes)[2]
    batches = tuple((i % 5,) for i in range(20))
    start = np.full(family.n_meta, 0.1)
    of = trajectory.run(family, Recipe(batches, (0.1,) * 20), start)
    drop = family.target_loss(target, of.lam[0]) - family.target_loss(target, of.lam[-1])
    ideal = trajectory.ideal_tracin(of, target)
    total = ideal.mapped(np.ones((1, 5)))
    yield compare(name, "ideal TracIn", "telescoping sum", total, float(drop.real), 1e-12)
    sums = np.zeros(5)
    for lam, batch in zip(of.lam, batches, strict=False):
        g = family.task(batch[0], lam).gradient()
        sums[batch[0]] += 0.1 * np.imag(family.target_loss(target, lam + 1j * H * g)) / H
    yield compare(name, "TracIn", "complex step", trajectory.tracin(of, target), sums, 1e-12)
