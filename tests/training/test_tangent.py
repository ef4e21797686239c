"""The tangent: against the reference's, and against the adjoint."""

import pytest
import torch

import metainfl as mi
from metainfl.errors import InvalidProblem
from metainfl.training import AdamW, Recipe, train
from metainfl_reference import perturbation as truth
from metainfl_reference.estimands import trajectory
from tests.helpers import NAMES, assert_close
from tests.training.helpers import RECIPES, network, production, twins


@pytest.mark.parametrize("optimiser", RECIPES)
@pytest.mark.parametrize("name", NAMES)
def test_every_kind_of_weight_as_the_reference_has_it(name, optimiser):
    """Guards every derivative of every optimiser on every family; groups and input shifts too.

    1e-11: ten steps, a few dozen roundings each, through inner solves of condition up to 1e3.
    """
    run, of = twins(name, optimiser)
    pis = [
        truth.task(0),
        truth.query(1, 0),
        truth.group([truth.task(2), truth.query(3, 1)]),
        truth.shift("query", 4, 0, 1),
    ]
    if not name.startswith("single"):
        pis += [truth.support(0, 1), truth.shift("support", 3, 0, 2)]
    found = run.influence(production(pis)).value
    assert_close(found, trajectory.tangent(of, pis).value, 1e-11)


@pytest.mark.parametrize("product", ["forward", "reverse"])
def test_adjoint_is_tangent_dot_target_gradient(product):
    """Guards one of the two derivatives being of another program; both orders of differentiation.

    Equal in exact arithmetic: what is left is rounding of about 12 steps and 30 parameters.
    """
    problem = network(product=product, chunk=2)
    recipe = Recipe(optimiser=AdamW(), rate=0.01, steps=12, batch_size=4, clip=0.5)
    run = train(problem, recipe, progress=False)
    targets = problem.tasks.select([0, 3, 5])
    pis = [mi.task(k) for k in range(6)] + [
        mi.support(1, 2),
        mi.query(2, 5),
        mi.shift("support", 0, 1, 2),
    ]
    rows = run.influence(pis).value
    assert_close(run.scores(targets, pis).value, rows @ run.target_slopes(targets).T, 1e-12)


def test_what_names_nothing_is_refused():
    """Guards an index error, or an influence of something else."""
    run = train(network(), Recipe(rate=0.1, steps=1), progress=False)
    for ask in (run.influence, run.replay_many, lambda p: run.scores(run.problem().tasks, p)):
        with pytest.raises(InvalidProblem, match="tasks run from 0 to 5"):
            ask([mi.task(6)])
    assert torch.isfinite(run.influence([mi.task(5)]).value).all()
