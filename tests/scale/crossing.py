"""What is kept of a product on one side of a `with ranks()`, used on the other; against one process."""

import os
import sys

import torch

from metainfl.curvature import exact
from metainfl.errors import InvalidOption
from metainfl.scale.ranks import ranks
from metainfl.training import Adam, Recipe, train
from tests.training.helpers import network

RECIPE = Recipe(optimiser=Adam(), rate=0.02, steps=5, batch_size=3)


def same(name, found, wanted):
    """1e-12: sums of a dozen terms in another order."""
    gap = float((found - wanted).norm() / wanted.norm())
    if not gap <= 1e-12:
        sys.exit(f"{name}: off by {gap:.1e}")


def refused(words, **how):
    try:
        with ranks(**how):
            sys.exit(f"{how} was taken")
    except InvalidOption as error:
        assert words in str(error), error


def main():
    problem = network(tasks=7)
    problem.lam = lam = 0.3 * torch.arange(problem.n_meta, dtype=torch.float64).cos()
    v = torch.linspace(-1, 1, problem.n_meta, dtype=torch.float64)
    wanted = problem.hessian_product(lam, v)
    outside, operator = problem.products(lam), exact(problem)
    same("before", outside(v), wanted)
    same("before", operator @ v, wanted)
    run, seeds = train(problem, RECIPE, progress=False), torch.eye(problem.n_meta)[:2].to(lam)
    adjoint = run.sensitivities(seeds).value["task_weight"]
    refused("timeout must be", timeout=0)
    refused("timeout must be", timeout="60")
    with ranks(timeout=60):
        same("outside, used inside", outside(v), wanted)
        same("operator, used inside", operator @ v, wanted)
        same("run, used inside", run.sensitivities(seeds).value["task_weight"], adjoint)
        inside, other = problem.products(lam), train(problem, RECIPE, progress=False)
        same("inside", inside(v), wanted)
        with ranks(timeout=60):
            same("nested", inside(v), wanted)
        refused("a group of gloo stands", backend="nccl")
        same("after the nested one", inside(v), wanted)
    same("inside, used outside", inside(v), wanted)
    same("run of inside", other.sensitivities(seeds).value["task_weight"], adjoint)
    with ranks(timeout=60):
        same("in a second one", inside(v), wanted)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
    print("crossed", os.environ["RANK"])
