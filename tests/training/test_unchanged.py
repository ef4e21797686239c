"""Kind guarded: a run whose derivative is that of another one, since what it reads was written into later."""

from dataclasses import dataclass, replace

import pytest
import torch

import metainfl as mi
from metainfl.errors import InvalidProblem, ProblemChanged
from metainfl.training import Recipe, train
from tests.training.helpers import network

RECIPE = Recipe(rate=0.1, steps=3, batch_size=4)


class Rates:
    """Descent, each parameter at a rate of its own."""

    n_moments, needs_gradient = 0, False

    def __init__(self, rates):
        self.rates = rates

    def step(self, lam, moments, gradient, rate, count):
        return lam - rate * self.rates * gradient, ()


@dataclass(frozen=True)
class Scaled:
    """Support inputs times a tensor."""

    by: torch.Tensor

    def __call__(self, support, query, draw):
        return self.by * support, query


def optimiser(held):
    return network(), replace(RECIPE, optimiser=Rates(held))


def augmentation(held):
    return network(), replace(RECIPE, augmentation=Scaled(held))


def loss(held):
    own = torch.nn.CrossEntropyLoss(weight=held, reduction="none")
    return network().replaced(inner_loss=own, outer_loss=own), RECIPE


@pytest.mark.parametrize(
    ("ask", "n"), [(optimiser, network().n_meta), (augmentation, 5), (loss, 3)]
)
def test_what_a_caller_writes_into_later_stays_out(ask, n):
    held = torch.linspace(0.5, 1.5, n, dtype=torch.float64)
    run = train(*ask(held), progress=False)
    target = network(seed=1).tasks.select([0])
    before = run.scores(target, [mi.task(0)]).value
    held.mul_(0.1)
    assert torch.equal(run.replay().lam, run.lam)
    assert torch.equal(run.scores(target, [mi.task(0)]).value, before)


def test_what_a_loss_closes_over_is_told_when_it_changes():
    """Guards losses made in a loop, all of which read the loop's last turn."""
    runs = []
    for w in (torch.ones(3).double(), torch.tensor([1.0, 2.0, 3.0]).double()):
        own = network(inner_loss=lambda out, y: mi.cross_entropy(out, y * w))  # noqa: B023
        runs.append(train(own, RECIPE, progress=False))
    target = network(seed=1).tasks.select([0])
    assert runs[1].scores(target, [mi.task(0)]).value.any()
    asks = {
        "scores": lambda r: r.scores(target, [mi.task(0)]),
        "influence": lambda r: r.influence([mi.task(0)]),
        "replay": lambda r: r.replay(),
        "many": lambda r: r.replay_many([mi.task(0)]),
        "removals": lambda r: r.removals([mi.task(0)], target),
        "smoothness": lambda r: r.smoothness(),
        "phase": lambda r: r.phase(1),
    }
    for ask in asks.values():
        with pytest.raises(ProblemChanged, match="the loss of the first step was"):
            ask(runs[0])


def test_a_copied_loss_that_reads_the_model_is_still_told():
    problem = network()

    class Penalised:
        def __init__(self, net):
            self.net = net

        def __call__(self, out, y):
            decay = sum(p.square().sum() for p in self.net.parameters())
            return mi.cross_entropy(out, y) + 0.1 * decay

    own = problem.replaced(inner_loss=Penalised(problem.setting.model.module))
    with pytest.raises(InvalidProblem, match="is read past the model"):
        train(own, RECIPE, progress=False)
