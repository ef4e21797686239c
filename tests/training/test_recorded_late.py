"""Loops that are recorded late: the last phase of a training, from the state it had there."""

import pytest
import torch

import metainfl as mi
from metainfl.errors import InvalidRecipe
from metainfl.training import Recorder
from tests.helpers import relative
from tests.training.helpers import network
from tests.training.test_recorder import MAKE, recorded

MORE = {
    **MAKE,
    "nesterov": lambda p: torch.optim.SGD(p, 0.05, momentum=0.5, nesterov=True),
    "plain": lambda p: torch.optim.SGD(p, 0.05),
    "dampened": lambda p: torch.optim.SGD(p, 0.05, momentum=0.5, dampening=0.3),
}


@pytest.mark.parametrize("name", MORE)
def test_recorded_late_is_the_phase_of_the_whole(name):
    """Guards moments and counts that are lost on the way from torch.optim."""
    recorder, problem = recorded(MORE[name], schedule=True)
    phase = recorder.run(problem).phase(2, progress=False)
    run = (late := recorded(MORE[name], schedule=True, late=2)[0]).run(problem)
    assert len(late.steps) == 2 and relative(run.lam, late.states[-1]) < 1e-12
    target, pis = network(outer_reg=0.0).tasks.select([3]), [mi.task(5), mi.query(2, 1)]
    assert relative(run.scores(target, pis).value, phase.scores(target, pis).value) < 1e-10
    assert run.recipe.steps == 2 and not run.scores(target, [mi.task(3)]).value.any()


def test_parameters_that_joined_later_are_named():
    net = torch.nn.Linear(3, 2)
    optimiser = torch.optim.Adam(net.parameters(), 0.1)
    net.weight.grad = torch.ones_like(net.weight)
    optimiser.step()
    with pytest.raises(InvalidRecipe, match="took 0 steps with some parameters and 1 with others"):
        Recorder(net, optimiser)
