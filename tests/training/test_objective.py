"""The objective that a run descends: the problem that has the run's gradient, and its minimiser."""

import json
from dataclasses import replace

import pytest
import torch

import metainfl as mi
from metainfl.advice.advise_run import advise_run
from metainfl.errors import InvalidRecipe
from metainfl.training import SGD, AdamW, Noise, Recipe, Run, objective, train
from metainfl.training.checkpoints import Checkpoints
from metainfl.training.program import Program
from tests.helpers import assert_close
from tests.training.helpers import network

D = torch.float64


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_steps_of_all_tasks_go_down_it(reduction, decay):
    """Guards a regulariser counted once where the steps take a mean over tasks, and a decay left out."""
    problem = network()
    recipe = Recipe(optimiser=SGD(weight_decay=decay), rate=0.01, steps=3, reduction=reduction)
    run = train(problem, recipe, progress=False)
    before, share = run.state_at(2).lam, 1.0 if reduction == "sum" else 1 / problem.tasks.n_tasks
    assert_close((before - run.lam) / 0.01, share * objective(run).gradient(before), 1e-9)


def test_where_a_run_has_settled_its_derivative_is_the_implicit_one():
    """Guards influence that is taken at the end of a run, of an objective that the run never descended."""
    g = torch.Generator().manual_seed(0)
    x, q = torch.randn(5, 6, 3, generator=g, dtype=D), torch.randn(5, 7, 3, generator=g, dtype=D)
    y, z = torch.randn(5, 6, 2, generator=g, dtype=D), torch.randn(5, 7, 2, generator=g, dtype=D)
    torch.manual_seed(0)
    problem = mi.Problem(
        torch.nn.Linear(3, 2), mi.Tasks(x, y, q, z), mi.Unrolled(1, 0.01), outer_reg=0.5
    )
    run = train(problem, Recipe(optimiser=SGD(), rate=0.05, steps=1500), progress=False)
    asked = [mi.task(0), mi.query(1, 2), mi.support(3, 0)]
    exact = run.influence(asked).value
    assert_close(mi.influence(objective(run), asked).value, exact, 1e-8)
    with pytest.raises(mi.NotStationary):
        mi.influence(run.problem(), asked)
    other = mi.influence(run.problem(), asked, allow_nonstationary=True).value
    assert (other - exact).norm() > 0.05 * exact.norm()


def test_what_has_descended_nothing_has_no_objective():
    """Guards a share of no step; and says AdamW's decay in its own metric, one number a parameter."""
    problem = network()
    recipe = Recipe(optimiser=AdamW(weight_decay=0.1), rate=0.01, steps=2)
    run = train(problem, recipe, progress=False)
    assert objective(run).outer_reg.shape == (problem.n_meta,)
    with pytest.raises(InvalidRecipe, match="no step"):
        objective(Run(Checkpoints(Program(problem, recipe, None), 2**20)))


class Halves:
    """An optimiser of one's own, whose weight decay is nobody's business."""

    n_moments, weight_decay = 0, 0.5

    def step(self, state, gradient, rate):
        raise NotImplementedError


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"batches": [(0,)] * 4}, "hold task 0 and never task 1"),
        ({"batches": [(0, 1), (2, 3), (4, 5), (0, 1)]}, "task 0 2 times as often as task 2"),
        ({"augmentation": Noise(0.1)}, "drawn anew at every step"),
    ],
)
def test_a_run_without_one_objective_says_so(changes, words):
    """Guards an objective that the run did not descend: other weights, or inputs that were never the same."""
    run = train(network(), Recipe(rate=0.01, steps=4, **changes), progress=False)
    with pytest.raises(InvalidRecipe, match=words):
        objective(run)
    told = advise_run(run)
    assert told.residual is None and words in told.implicit and json.dumps(told.as_dict())


def test_a_decay_that_is_not_known_is_refused():
    """Guards a decay of an optimiser of one's own that is taken for a coupled one."""
    run = train(network(), Recipe(rate=0.01, steps=1), progress=False)
    object.__setattr__(run.program, "recipe", replace(run.recipe))
    object.__setattr__(run.program.recipe, "optimiser", Halves())
    with pytest.raises(InvalidRecipe, match="known of SGD and Adam here"):
        objective(run)
