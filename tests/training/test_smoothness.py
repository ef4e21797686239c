"""Metasmoothness: tells runs whose derivative predicts from those whose does not."""

import pytest
import torch

from metainfl.errors import InvalidRecipe
from metainfl.training import SGD, Recipe, Smoothness, train
from tests.helpers import relative
from tests.training.helpers import network


def test_a_smooth_run_and_a_rough_one():
    """Guards a number that cannot tell them apart: the same net, a small rate against one far too large."""
    smooth = train(network(), Recipe(rate=0.05, steps=8, batch_size=4), progress=False)
    rough = train(
        network(), Recipe(optimiser=SGD(0.9), rate=3.0, steps=30, batch_size=2), progress=False
    )
    assert smooth.smoothness().value > 0.95 and "the derivative predicts" in str(
        smooth.smoothness()
    )
    assert rough.smoothness().value < 0.5 and "not a prediction" in str(rough.smoothness())
    assert not rough.smoothness().is_prediction


def test_it_is_the_definition():
    """Guards the weighting and the direction: two reruns by hand."""
    run = train(network(), Recipe(rate=0.5, steps=8, batch_size=4), progress=False)
    draw = torch.Generator().manual_seed(3)
    v = 2.0 * torch.randint(0, 2, (6,), generator=draw) - 1
    tasks = run.program.problem.tasks
    one, two = (run.replay(tasks.reweighted(task=1 + k * 0.2 * v.double())).lam for k in (1, 2))
    d, e = one - run.lam, two - one
    want = (d.abs() * torch.sign(d * e)).sum() / d.abs().sum()
    assert relative(run.smoothness(h=0.2, seed=3).value, want) < 1e-14


def test_words_follow_the_number():
    """Guards a verdict that contradicts its number."""
    assert "partly smooth" in str(Smoothness(0.7, 0.1, 0))
    run = train(network(), Recipe(rate=0.5, steps=2), progress=False)
    with pytest.raises(InvalidRecipe, match=r"h must be in \(0, 0.5\]"):
        run.smoothness(h=0.6)
