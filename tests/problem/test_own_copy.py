"""Modules that a network holds (self.F = torch.nn.functional) are no reason to refuse it."""

import torch
from torch import nn

import metainfl as mi
from metainfl.training import Recipe, train
from tests.training.helpers import network


class Holding(nn.Module):
    def __init__(self):
        super().__init__()
        self.of, self.mi = torch.nn.functional, mi
        self.inside = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3))

    def forward(self, x):
        return self.of.softplus(self.inside(x))


def test_a_network_that_holds_modules_is_copied_trained_and_asked():
    plain = network()
    net = Holding().double()
    net.inside.load_state_dict(plain.setting.model.module.state_dict())
    problem = plain.replaced(model=mi.FromModule(net))
    run = train(problem, Recipe(rate=0.1, steps=3, batch_size=2), progress=False)
    assert run.scores(plain.tasks, [mi.task(0)]).value.any()
    assert run.program.problem.setting.model.module.of is torch.nn.functional
