"""An optimiser of one's own: any object with a pure step, whose derivative is what torch says it is."""

from dataclasses import dataclass

import pytest
import torch

import metainfl as mi
from metainfl.errors import InvalidRecipe
from metainfl.training import SGD, Recipe, train
from tests.training.helpers import network


@dataclass(frozen=True)
class Own:
    """Plain descent, by a function of lam, gradient and rate."""

    move: object
    n_moments: int = 0
    needs_gradient: bool = True

    def step(self, lam, moments, gradient, rate, count):
        return self.move(lam, gradient, rate), ()


@torch.no_grad()
def closed(lam, gradient, rate):
    return lam - rate * gradient


def recipe(optimiser):
    return Recipe(optimiser=optimiser, rate=0.01, steps=3, batch_size=4)


def test_one_of_ones_own_is_as_ours():
    own = train(network(), recipe(Own(lambda lam, g, rate: lam - rate * g)), progress=False)
    ours = train(network(), recipe(SGD()), progress=False)
    for way in (lambda r: r.influence([mi.task(0)]).value, lambda r: r.lam):
        assert torch.allclose(way(own), way(ours), rtol=1e-12, atol=0)


@pytest.mark.parametrize(
    "move",
    [
        closed,
        lambda lam, g, rate: lam - rate * g.detach(),
        lambda lam, g, rate: lam.detach() - rate * g,
        lambda lam, g, rate: lam - rate * g / g.detach().norm(),
    ],
    ids=["no_grad", "gradient", "lam", "a norm"],
)
def test_a_step_that_torch_cannot_follow_is_refused(move):
    """Guards influences of 0, or of a part of the step, without a word."""
    with pytest.raises(InvalidRecipe, match="step of Own is not how the step changes"):
        train(network(), recipe(Own(move)), progress=False)
