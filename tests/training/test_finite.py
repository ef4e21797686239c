"""A derivative of a run that is not finite is an error with a quantity and a step; no NaN comes back."""

import pytest
import torch

import metainfl as mi
from metainfl.errors import RunNotFinite
from metainfl.training import SGD, Recipe, train


@pytest.fixture(scope="module")
def unstable():
    """A run that stays at its minimum, lam = 0, at a rate that multiplies every deviation a thousandfold."""
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(4, 5, 3, generator=draw, dtype=torch.float64)
    y = torch.zeros(4, 5, 1, dtype=torch.float64)
    y[0] = 1e10  # a task of weight 0: it moves nothing, but its derivative is not 0
    weight = torch.tensor([0.0, 1, 1, 1], dtype=torch.float64)
    net = torch.nn.Linear(3, 1, bias=False).double()
    tasks = mi.Tasks(x, y, x, y, task_weight=weight)
    problem = mi.Problem(net, tasks, mi.Unrolled(1, 0.01), inner_loss=mi.squared, outer_reg=1e-3)
    recipe = Recipe(rate=1e3, steps=120, optimiser=SGD())
    return train(problem, recipe, start=torch.zeros(3, dtype=torch.float64), progress=False)


def test_the_run_itself_is_finite(unstable):
    assert torch.equal(unstable.lam, torch.zeros(3, dtype=torch.float64))


def test_the_tangent_is_told(unstable):
    """Guards NaN for an influence."""
    with pytest.raises(RunNotFinite, match=r"influence.*at step") as caught:
        unstable.influence([mi.task(0)])
    assert caught.value.quantity == "influence" and 40 < caught.value.step < 119


@pytest.mark.parametrize("ask", ["scores", "sensitivities", "reruns"])
def test_the_adjoint_is_told(unstable, ask):
    """Guards NaN for a score: what is summed up at a step, and what is handed on to the step before."""
    targets = unstable.program.problem.tasks.select([0])
    calls = {
        "scores": lambda: unstable.scores(targets, [mi.task(0)]),
        "reruns": lambda: unstable.scores(targets, [mi.task(1)], reruns=1),
        "sensitivities": lambda: unstable.sensitivities(
            torch.full((1, 3), 1e300, dtype=torch.float64)
        ),
    }
    with pytest.raises(RunNotFinite, match="at step") as caught:
        calls[ask]()
    assert caught.value.quantity and 0 < caught.value.step < 120


def test_a_sum_that_overflows_is_told(unstable):
    """Guards an entry of the answer that is infinite though every derivative in lam is finite."""
    seed = torch.full((1, 3), 1e300, dtype=torch.float64)
    one = unstable.phase(119, progress=False)
    with pytest.raises(RunNotFinite, match=r"in task_weight.*at step 0") as caught:
        one.sensitivities(seed)
    assert (caught.value.step, caught.value.quantity) == (0, "derivative of the run in task_weight")
    assert torch.isfinite(one.sensitivities(1e-10 * seed).value["task_weight"]).all()


def test_a_replay_is_told(unstable):
    """Guards NaN for a rerun."""
    own = unstable.program.problem.tasks
    moved = mi.Tasks(own.support_x, own.support_y, own.query_x, own.query_y)  # task 0 counts
    with pytest.raises(RunNotFinite, match="step"):
        unstable.replay(moved)
    assert torch.equal(unstable.without(mi.task(1)).lam, unstable.lam)
