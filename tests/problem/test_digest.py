"""Kind guarded: two different questions with one identity, or one question with two."""

import subprocess
import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

import metainfl as mi
from metainfl.curvature import kronecker
from metainfl.problem.digest import digest, meaning
from metainfl.solve import CG
from metainfl.training import SGD, Adam, Recipe, train
from metainfl.training.fingerprint import fingerprint
from tests.training.helpers import network


def scaled_loss(scale):
    def loss(out, y):
        return scale * (out - y).square().sum(-1)

    return loss


class Scaled(nn.Module):
    """A module with a number that is neither a parameter nor a buffer."""

    def __init__(self, scale):
        super().__init__()
        self.scale, self.head = scale, nn.Linear(2, 1)

    def forward(self, x):
        return self.scale * self.head(x)


def cycle(number):
    held = [number]
    held.append(held)
    return held


LONG = [float(i == 2500) for i in range(5000)]
ONE = torch.tensor([1.0, 2.0])
PAIRS = {
    "dict": ({"a": 0.1}, {"a": 0.2}),
    "keys": ({"a": 1, "b": 2}, {"a": 2, "b": 1}),
    "nested": ([{"a": (ONE,)}], [{"a": (ONE + 1,)}]),
    "where brackets are": ([[1], [2, 3]], [[1, 2], [3]]),
    "text": (["a", "bc"], ["ab", "c"]),
    "shape": (torch.zeros(2, 3), torch.zeros(3, 2)),
    "dtype": (torch.zeros(2), torch.zeros(2, dtype=torch.int32)),
    "a long tensor": (
        torch.zeros(5000, dtype=torch.float64),
        torch.tensor(LONG, dtype=torch.float64),
    ),
    "a long array": (np.zeros(5000), np.array(LONG)),
    "set": ({1, 2}, {1, 3}),
    "partial": (partial(kronecker, recipe=1), partial(kronecker, recipe=2)),
    "closure": (scaled_loss(1.0), scaled_loss(2.0)),
    "lambdas": (lambda x: x + 1.0, lambda x: x - 1.0),
    "constants": (lambda x: x + 1.0, lambda x: x + 2.0),
    "dict of rates": (mi.Unrolled(1, {"": 0.1}), mi.Unrolled(1, {"": 0.2})),
    "objects": (CG(rtol=1e-3), CG(rtol=1e-4)),
    "classes": (SGD(), Adam()),
    "attribute of a module": (Scaled(1.0), Scaled(2.0)),
    "itself": (cycle(1), cycle(2)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_different_things_differ(name):
    a, b = PAIRS[name]
    assert digest(a) != digest(b)
    assert digest(a) == digest(a) and digest(b) == digest(b)


def test_equal_things_are_equal():
    """Order of a dict, ids, the copy that was made, and a module's weights, which lam stands for."""
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1})
    assert digest(scaled_loss(1.0)) == digest(scaled_loss(1.0))
    assert digest(Scaled(1.0)) == digest(Scaled(1.0))
    assert digest(meaning(network())) == digest(meaning(network(product="reverse", chunk=2)))


def test_another_process_has_the_same():
    """A set of text is in another order there."""
    code = (
        "import torch; from metainfl.problem.digest import digest; from metainfl.solve import CG;"
        "print(digest({'a', 'b', 'c'}, CG(), lambda x: x in {'p', 'q', 'r'}, torch.nn.Linear(2, 1)))"
    )
    run = partial(subprocess.run, [sys.executable, "-c", code], capture_output=True, text=True)
    found = {run(check=True).stdout for _ in range(2)}
    assert len(found) == 1


def test_what_a_problem_means():
    """Losses, closures in them, regularisers, adaptation, and the order of ragged tasks."""
    base = network()
    others = [
        base.replaced(outer_reg=0.5),
        base.replaced(outer_reg=torch.linspace(0, 1, base.n_meta)),
        base.replaced(outer_loss=mi.squared),
        base.replaced(outer_loss=scaled_loss(1.0)),
        base.replaced(outer_loss=scaled_loss(2.0)),
        base.replaced(adaptation=mi.Unrolled(1, {"": 0.2})),
        base.replaced(adaptation=mi.Unrolled(1, {"": 0.3})),
        base.replaced(adaptation=mi.Unrolled(1, {"0": 0.3, "": 0.0})),
    ]
    found = [digest(meaning(p)) for p in [base, *others]]
    assert len(set(found)) == len(found)

    def ragged(sizes):
        x, y = torch.arange(6.0)[:, None], torch.ones(6, 1)
        each = [(x[:n], y[:n]) for n in sizes]
        return mi.Tasks.ragged(
            [dict(support_x=a, support_y=b, query_x=a, query_y=b) for a, b in each]
        )

    assert digest(ragged([1, 2, 1, 2])) != digest(ragged([1, 2, 2, 1]))


def test_what_a_program_is():
    """What was run before or after it was asked, and whatever makes another run."""
    recipe = Recipe(rate=0.1, batches=[[0], [1], [2]])
    run = train(network(), recipe, progress=False)
    own = fingerprint(run.program)
    run.scores(run.program.problem.tasks, [mi.task(0)])
    assert fingerprint(run.program) == own == fingerprint(run.replay().program)
    others = [
        train(network(), replace(recipe, rate=0.2), progress=False),
        train(network(), replace(recipe, clip=0.1), progress=False),
        train(network(), replace(recipe, optimiser=SGD(0.5)), progress=False),
        train(network(seed=1), recipe, progress=False),
        train(network(outer_loss=mi.squared), recipe, progress=False),
        train(network().replaced(adaptation=mi.Unrolled(1, {"": 0.2})), recipe, progress=False),
        train(network().replaced(adaptation=mi.Unrolled(1, {"": 0.3})), recipe, progress=False),
    ]
    found = [own, *(fingerprint(r.program) for r in others)]
    assert len(set(found)) == len(found)
