"""Adapted states are remembered while what the code reads stands still: a stale one is a wrong number."""

import functools

import numpy as np
import pytest
import torch

import metainfl as mi
from metainfl.problem.reading import reads

D = torch.float64
SCALE = {"tensor": torch.ones(1, dtype=D), "number": 1.0}
ARRAY = np.ones(1)


class Scaled:
    """A model of a user's that reads a tensor of its own."""

    n_params = 4

    def __init__(self):
        self.c, self.more = torch.ones(1, dtype=D), {"deep": [torch.ones(1, dtype=D)]}

    def __call__(self, theta, x):
        return (self.c * self.more["deep"][0] * (x @ theta[:3]))[:, None] + theta[3]


def losses():
    """Losses by name, and what changes what each reads."""
    w, box = torch.ones(1, dtype=D), [1.0]

    def by_global(o, y):
        return SCALE["tensor"] * SCALE["number"] * (o - y).square()[:, 0]

    def by_array(o, y):
        return float(ARRAY[0]) * (o - y).square()[:, 0]

    def by_default(o, y, v=w):
        return v * (o - y).square()[:, 0]

    def weighted(o, y, weight):
        return weight * (o - y).square()[:, 0]

    def rebound():
        SCALE["number"] += 1.0

    return {
        "closure": (lambda o, y: w * (o - y).square()[:, 0], lambda: w.mul_(3)),
        "container": (
            lambda o, y: box[0] * (o - y).square()[:, 0],
            lambda: box.__setitem__(0, 3.0),
        ),
        "global tensor": (by_global, lambda: SCALE["tensor"].mul_(3)),
        "global number": (by_global, rebound),
        "array": (by_array, lambda: ARRAY.__imul__(3)),
        "default": (by_default, lambda: w.mul_(3)),
        "partial": (functools.partial(weighted, weight=w), lambda: w.mul_(3)),
    }


def problem_of(model, inner):
    g = torch.Generator().manual_seed(0)
    data = [torch.randn(4, n, d, generator=g, dtype=D) for n in (4, 3) for d in (3, 1)]
    options = {"inner_loss": inner, "outer_loss": mi.squared, "outer_reg": 0.5}
    return mi.Problem(
        model, mi.Tasks(*data), mi.Proximal(5.0), lam=torch.ones(4, dtype=D), **options
    )


@pytest.mark.parametrize("name", losses())
def test_what_a_loss_reads_may_change(name):
    """Guards adapted parameters of a weight that is no longer: up to 1,659 % wrong, silently."""
    loss, change = losses()[name]
    problem = problem_of(Scaled(), loss)
    before = problem.gradient(problem.lam)
    change()
    found = problem.gradient(problem.lam)
    torch.testing.assert_close(found, problem_of(Scaled(), loss).gradient(problem.lam))
    assert not torch.allclose(found, before)


@pytest.mark.parametrize("deep", [False, True])
def test_what_a_model_reads_may_change(deep):
    model = Scaled()
    problem = problem_of(model, mi.squared)
    problem.gradient(problem.lam)
    (model.more["deep"][0] if deep else model.c).mul_(3)
    found = problem.gradient(problem.lam)
    torch.testing.assert_close(found, problem_of(model, mi.squared).gradient(problem.lam))


def test_states_are_remembered_while_nothing_changes(monkeypatch):
    """Guards a memory that never remembers: the adaptation is solved once."""
    problem, calls = problem_of(Scaled(), mi.squared), []
    real = mi.Proximal.prepare

    def counted(*args):
        calls.append(args)
        return real(*args)

    monkeypatch.setattr(mi.Proximal, "prepare", counted)
    for _ in range(3):
        problem.gradient(problem.lam)
    assert len(calls) == 1


def test_readings_are_equal_until_something_moves():
    own = {"a": torch.ones(2), "b": [1, "x"], "loop": None}
    own["loop"] = own
    before = reads(own)
    assert reads(own) == before
    own["a"].add_(1)
    assert reads(own) != before
