"""An optimiser of one's own: any object with a pure step, whose derivative is what torch says it is."""

from dataclasses import dataclass

import pytest
import torch

import metainfl as mi
from metainfl.errors import InvalidRecipe
from metainfl.training import SGD, Recipe, train
from tests.training.helpers import extrapolated, network


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


@dataclass(frozen=True)
class First:
    """Momentum that begins as torch.optim's does, with a detached copy of the gradient; or, `late`, it
    detaches the gradient at all steps but the first two.
    """

    late: bool = False
    n_moments: int = 1
    needs_gradient: bool = False

    def step(self, lam, moments, gradient, rate, count):
        held = count > 1 if self.late else count == 0
        moment = 0.5 * moments[0] + (gradient.detach() if held else gradient)
        return lam - rate * moment, (moment,)


@pytest.mark.parametrize(("late", "after"), [(False, 0), (True, 2)])
def test_the_first_step_and_the_last_are_looked_at_too(late, after):
    with pytest.raises(InvalidRecipe, match=f"not how the step changes \\(after {after} steps"):
        train(network(), recipe(First(late)), progress=False)


@dataclass(frozen=True)
class Centred:
    """RMSprop whose second moment is about the first: of moments drawn one by one it has no root."""

    n_moments: int = 2
    needs_gradient: bool = True

    def step(self, lam, moments, gradient, rate, count):
        m, v = 0.9 * moments[0] + 0.1 * gradient, 0.9 * moments[1] + 0.1 * gradient.square()
        return lam - rate * gradient / ((v - m * m).sqrt() + 1e-3), (m, v)


def test_moments_are_those_that_a_run_may_have():
    run = train(network(), recipe(Centred()), progress=False)
    targets = network(seed=1).tasks.select([0])

    def loss(h):
        return run.replay({mi.task(0): 1 + h}).target_losses(targets)

    value = run.scores(targets, [mi.task(0)]).value[0]
    assert torch.allclose(value, extrapolated(loss), rtol=1e-8)


def test_a_gradient_that_is_needed_and_not_asked_for_is_refused():
    """Guards influences taken at a gradient of 0: which nothing said."""
    way = Own(lambda lam, g, rate: lam - rate * g / (g.norm() + 1e-3), needs_gradient=False)
    with pytest.raises(InvalidRecipe, match="Own has needs_gradient = False"):
        train(network(), recipe(way), progress=False)


@dataclass(frozen=True)
class Returns:
    """Whatever it is told to."""

    what: object
    n_moments: object = 1
    needs_gradient: bool = False

    def step(self, lam, moments, gradient, rate, count):
        return self.what(lam - rate * gradient)


@pytest.mark.parametrize(
    ("what", "words"),
    [
        (lambda lam: lam, "got \\(21,\\)"),
        (lambda lam: (lam, None), "got tuple"),
        (lambda lam: (lam, ()), "n_moments says, 1; got \\(21,\\) in torch.float64$"),
        (lambda lam: (lam, (lam, lam)), "n_moments says, 1"),
        (lambda lam: (lam, (lam.sum(),)), "\\(\\) in torch.float64"),
        (lambda lam: (lam.float(), (lam,)), "got \\(21,\\) in torch.float32"),
        (lambda lam: lam.nothing, "raised AttributeError"),
    ],
    ids=["lam", "none", "fewer", "more", "scalar", "single", "raises"],
)
def test_what_a_step_returns_is_looked_at(what, words):
    """Guards bare errors, some of them after the training."""
    with pytest.raises(InvalidRecipe, match=words):
        train(network(hidden=2, d=5), recipe(Returns(what)), progress=False)


@pytest.mark.parametrize("options", [{"n_moments": lambda: 1}, {"needs_gradient": "no"}])
def test_what_it_says_of_itself_is_a_number_and_yes_or_no(options):
    with pytest.raises(InvalidRecipe, match=f"{next(iter(options))} of Returns"):
        recipe(Returns(lambda lam: (lam, (lam,)), **options))
