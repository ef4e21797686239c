"""Adapted states are remembered while what the code reads stands still: a stale one is a wrong number."""

import collections
import functools
import os
import types

import numpy as np
import pytest
import torch

import metainfl as mi

D = torch.float64
SCALE = {"tensor": torch.ones(1, dtype=D), "number": 1.0}
ARRAY = np.ones(1)
CONFIG = types.ModuleType("config")
CONFIG.scale = 1.0
QUEUE = collections.deque([1.0])
LARGE = np.ones(2**18)


class Tempered:
    """A loss by an attribute of its class, by a method that reads a global, and by slots."""

    scale = 1.0
    __slots__ = ("own",)

    def __init__(self):
        self.own = 1.0

    def __call__(self, o, y):
        return self.own * self.of_class() * (o - y).square()[:, 0]

    def of_class(self):
        return type(self).scale * QUEUE[0]


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

    def by_environment(o, y):
        return float(os.environ.get("METAINFL_TEST_SCALE", "1")) * (o - y).square()[:, 0]

    deep = [[[[[[[[[[1.0]]]]]]]]]]

    def deepest(thing):
        return deepest(thing[0]) if isinstance(thing[0], list) else thing

    tempered = Tempered()

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
        "class": (tempered, lambda: setattr(Tempered, "scale", 3.0)),
        "global in a method": (tempered, lambda: QUEUE.__setitem__(0, 3.0)),
        "slots": (tempered, lambda: setattr(tempered, "own", 3.0)),
        "module": (
            lambda o, y: CONFIG.scale * (o - y).square()[:, 0],
            lambda: setattr(CONFIG, "scale", 3.0),
        ),
        "environment": (
            by_environment,
            lambda: os.environ.__setitem__("METAINFL_TEST_SCALE", "3"),
        ),
        "large array": (
            lambda o, y: float(LARGE[-1]) * (o - y).square()[:, 0],
            lambda: LARGE.__imul__(3),
        ),
        "data": (lambda o, y: w * (o - y).square()[:, 0], lambda: w.data.fill_(3.0)),
        "shared memory": (
            lambda o, y: w * (o - y).square()[:, 0],
            lambda: w.numpy().__setitem__(0, 3.0),
        ),
        "ten deep": (
            lambda o, y: deepest(deep)[0] * (o - y).square()[:, 0],
            lambda: deepest(deep).__setitem__(0, 3.0),
        ),
        "partial": (functools.partial(weighted, weight=w), lambda: w.mul_(3)),
    }


def problem_of(model, inner):
    g = torch.Generator().manual_seed(0)
    data = [torch.randn(4, n, d, generator=g, dtype=D) for n in (4, 3) for d in (3, 1)]
    options = {"inner_loss": inner, "outer_loss": mi.squared, "outer_reg": 0.5}
    return mi.Problem(
        model, mi.Tasks(*data), mi.Proximal(5.0), lam=torch.ones(4, dtype=D), **options
    )


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch):
    """Globals, class attributes and the environment, put back."""
    monkeypatch.setattr(Tempered, "scale", 1.0)
    monkeypatch.setattr(CONFIG, "scale", 1.0)
    monkeypatch.delenv("METAINFL_TEST_SCALE", raising=False)
    monkeypatch.setitem(SCALE, "number", 1.0)
    yield
    QUEUE[0] = 1.0
    LARGE[:] = 1.0
    os.environ.pop("METAINFL_TEST_SCALE", None)


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
