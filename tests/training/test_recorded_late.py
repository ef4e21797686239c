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
    recorder = Recorder(net, optimiser)
    optimiser.step()
    recorder.step([0])
    net.bias.grad = torch.ones_like(net.bias)
    optimiser.step()
    with pytest.raises(InvalidRecipe, match="took 0 steps with some parameters and 1 with others"):
        recorder.step([0])
    with pytest.raises(InvalidRecipe, match="took 1 steps with some parameters and 3 with others"):
        Recorder(net, optimiser)


class Unread(torch.nn.Linear):
    """Has a parameter that no output hangs on."""

    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs)
        self.unread = torch.nn.Parameter(torch.ones(3))


@pytest.mark.parametrize("name", MAKE)
def test_a_parameter_that_never_had_a_gradient_is_no_reason_to_refuse(name):
    """Guards late recorders of loops that are accepted from their start."""
    torch.manual_seed(0)
    net = Unread(4, 2).double()
    optimiser = MAKE[name](net.parameters())
    optimiser.param_groups[0]["weight_decay"] = (
        0.0  # which torch leaves out where there is no gradient
    )
    x, y = torch.randn(3, 5, 4).double(), torch.randn(3, 5, 2).double()
    tasks = mi.Tasks(x[:, :0], y[:, :0], x, y)
    recorders = [Recorder(net, optimiser)]
    for step in range(3):
        if step == 2:
            recorders.append(Recorder(net, optimiser))
        optimiser.zero_grad()
        (0.5 * (net(x[step]) - y[step]).square().sum()).backward()
        optimiser.step()
        for recorder in recorders:
            recorder.step([step])
    problem = mi.Problem(net, tasks, mi.NoAdaptation(), inner_loss=mi.squared, outer_reg=0.0)
    whole, late = (recorder.run(problem) for recorder in recorders)
    ask = tasks.select([0]), [mi.task(2), mi.query(2, 1)]
    assert relative(late.scores(*ask).value, whole.phase(2).scores(*ask).value) < 1e-12


def test_a_momentum_that_was_set_to_zero_is_not_read():
    """Guards a last phase without momentum, of whose buffers torch reads none."""
    net = torch.nn.Linear(4, 2).double()
    optimiser = torch.optim.SGD(net.parameters(), 0.05, momentum=0.9)
    x, y = torch.randn(3, 5, 4).double(), torch.randn(3, 5, 2).double()
    for step in range(3):
        if step == 1:
            optimiser.param_groups[0]["momentum"] = 0.0
            recorder = Recorder(net, optimiser)
        optimiser.zero_grad()
        (0.5 * (net(x[step]) - y[step]).square().sum()).backward()
        optimiser.step()
        if step:
            recorder.step([step])
    tasks = mi.Tasks(x[:, :0], y[:, :0], x, y)
    problem = mi.Problem(net, tasks, mi.NoAdaptation(), inner_loss=mi.squared, outer_reg=0.0)
    assert relative(recorder.run(problem).lam, recorder.states[-1]) < 1e-12
