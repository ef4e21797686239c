"""What differs from call to call is named as that, wherever one asks, and not as a wrong backward."""

import itertools
import random
import threading
import time

import numpy as np
import pytest
import torch
from torch import nn

import metainfl as mi
from metainfl.derive.draws import undrawn
from metainfl.training import Recipe, train

D = torch.float64
COUNT = itertools.count(1)
RNG = np.random.default_rng(0)


class Net(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.layer, self.factor = nn.Linear(3, 2), factor

    def forward(self, x):
        return self.layer(x).tanh() * self.factor()


def problem(factor=lambda: 1.0, loss=mi.squared):
    torch.manual_seed(0)
    x, y = torch.randn(3, 4, 3, dtype=D), torch.randn(3, 4, 2, dtype=D)
    return mi.Problem(
        Net(factor), mi.Tasks(x, y, x, y), mi.Unrolled(1, 0.05), inner_loss=loss, outer_reg=4.0
    )


DRAWN = "draws random numbers|different outputs"
FACTORS = {
    "numpy": lambda: 1 + np.random.rand(),
    "python": lambda: 1 + random.random(),
    "rarely": lambda: 1.5 if random.random() < 1e-3 else 1.0,
    "rarely, numpy": lambda: 1.5 if np.random.rand() < 1e-3 else 1.0,
    "a generator": lambda: 1 + RNG.random(),
    "the clock": lambda: 1 + time.perf_counter() % 1,
    "a counter": lambda: 1 + 1e-3 * next(COUNT),
}
ASK = {
    "solve": lambda p: p.solve(progress=False),
    "influence": lambda p: mi.influence(
        p.replaced(lam=torch.zeros(p.n_meta, dtype=D)), [mi.task(0)], allow_nonstationary=True
    ),
    "train": lambda p: train(p, Recipe(rate=0.1, steps=2), progress=False),
}


@pytest.mark.parametrize("ask", ASK)
@pytest.mark.parametrize("name", FACTORS)
def test_a_model_that_differs_from_call_to_call(name, ask):
    """Guards "the gradient of F is not its derivative: a layer's backward ...", and a rare draw by which the
    Hessian was off by its own size, without a word."""
    with pytest.raises(mi.InvalidProblem, match=DRAWN):
        ASK[ask](problem(FACTORS[name]))


@pytest.mark.parametrize("ask", ASK)
@pytest.mark.parametrize("often", [0.0, 1e-3, 0.3, 1.0])
def test_a_loss_that_draws(often, ask):
    """Guards "changes with the other instances", where a draw fell between an instance alone and all."""

    def loss(outputs, targets):
        return mi.squared(outputs, targets) * (1.5 if random.random() < often else 1.0)

    with pytest.raises(mi.InvalidProblem, match="draws random numbers"):
        ASK[ask](problem(loss=loss))


def test_what_another_thread_draws_is_not_held_against_a_model():
    over = threading.Event()

    def draw():
        while not over.wait(1e-4):
            random.random()

    other = threading.Thread(target=draw)
    other.start()
    try:
        assert undrawn(lambda: time.sleep(0.01)) is None
        problem().solve(progress=False)
    finally:
        over.set()
        other.join()


def test_looking_draws_nothing():
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()
    p = problem()
    p.solve(progress=False)
    mi.influence(p, [mi.task(0)])
    assert before[0] == random.getstate() and before[1] == np.random.get_state()[1].tolist()
    assert torch.equal(before[2], torch.get_rng_state())
