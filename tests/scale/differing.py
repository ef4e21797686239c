"""A rank that comes with other numbers, another plan, or an error of its own; what the others say."""

import os
import sys

import torch

import metainfl as mi
from metainfl import curvature
from metainfl.derive import cross
from metainfl.derive.contract import contract
from metainfl.errors import InvalidProblem
from metainfl.scale.ranks import ranks
from metainfl.training import Adam, Recipe, train
from tests.training.helpers import network

RANK = int(os.environ["RANK"])


def start(problem):
    """Of a network that was drawn without a seed."""
    problem.gradient(torch.full((problem.n_meta,), 1.0 + RANK, dtype=torch.float64))


def tasks(problem):
    """One label of rank 1 is another."""
    t = problem.tasks
    y = t.query_y.clone()
    y[0, 0] = (y[0, 0] + RANK) % 3
    other = mi.Tasks(t.support_x, t.support_y, t.query_x, y)
    problem.replaced(tasks=other).gradient(torch.ones(problem.n_meta, dtype=torch.float64))


def place(problem):
    """Ranks that go different ways: sums of two shapes, which end a process of gloo's."""
    lam = torch.ones(problem.n_meta, dtype=torch.float64)
    problem.gradient(lam) if RANK else problem.hessian_product(lam, lam)


def own(problem):
    """Rank 1 alone has a task on which the loss fails."""

    def loss(outputs, targets):
        if RANK:
            raise ValueError("of rank 1")
        return mi.cross_entropy(outputs, targets)

    lam = torch.ones(problem.n_meta, dtype=torch.float64)
    problem.replaced(outer_loss=loss, chunk=1).gradient(lam)


def plans(problem):
    """Products are planned by the clock, so each rank has a plan of its own; the answer is the same."""
    recipe = Recipe(optimiser=Adam(), rate=0.02, steps=3, batch_size=4)
    planned = problem.replaced(product=("reverse", "forward")[RANK])
    run = train(planned, recipe, progress=False)
    found = run.scores(problem.tasks.select([0]), [mi.task(1)]).value
    with_one = run.influence([mi.task(1)]).value @ run.target_slopes(problem.tasks.select([0])).T
    assert abs(float(found - with_one)) <= 1e-12 * abs(float(found))


def vectors(problem):
    """A product, where the regulariser adds nothing of the vector."""
    lam = torch.ones(problem.n_meta, dtype=torch.float64)
    problem.replaced(outer_reg=0.0).hessian_product(lam, lam * (1 + RANK))


def kept(problem):
    """The same, of graphs that are kept."""
    lam = torch.ones(problem.n_meta, dtype=torch.float64)
    problem.replaced(outer_reg=0.0).products(lam)(lam * (1 + RANK))


def gauss_newton(problem):
    """The same, of another curvature."""
    lam = torch.ones(problem.n_meta, dtype=torch.float64)
    curvature.gauss_newton(problem.replaced(outer_reg=0.0, lam=lam)) @ (lam * (1 + RANK))


def seeds(problem):
    """The adjoint from directions that were drawn without a seed."""
    run = train(problem, Recipe(rate=0.02, steps=2, batch_size=4), progress=False)
    run.sensitivities(torch.ones(1, problem.n_meta, dtype=torch.float64) * (1 + RANK))


def tangent(problem):
    """Each rank asks of a task of its own."""
    train(problem, Recipe(rate=0.02, steps=2, batch_size=4), progress=False).influence(
        [mi.task(RANK)]
    )


def columns(problem):
    """Each rank asks of an instance of its own, of the same task."""
    lam = torch.ones(problem.n_meta, dtype=torch.float64)
    cross.columns(problem.replaced(lam=lam), [mi.support(0, RANK)])


def contracted(problem):
    """The same, for scores."""
    lam = torch.ones(problem.n_meta, dtype=torch.float64)
    contract(problem.replaced(lam=lam), lam[:, None], [mi.support(0, RANK)])


WAYS = (start, tasks, place, own, plans, vectors, kept, gauss_newton)
WAYS += (seeds, tangent, columns, contracted)
torch.set_num_threads(1)
with ranks(timeout=30):
    for way in WAYS:
        try:
            way(network(tasks=5))
        except InvalidProblem as error:
            print(f"{way.__name__}: {error}")
sys.exit(0)
