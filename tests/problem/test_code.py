"""Kind guarded: an edited class or function of the same name that is taken for what it was."""

import subprocess
import sys
import types

import pytest
import torch

import metainfl as mi
from metainfl.attribution import Question, attribute
from metainfl.problem.code import written
from metainfl.problem.digest import digest
from metainfl.training import Recipe, train
from tests.training.helpers import network

FILE = """
import torch
from torch import nn
from functools import cached_property
from metainfl.training import SGD
SCALE = 2.0
CALLS = 0

def helper(x):
    return torch.tanh(x)

def loss(out, y):
    global CALLS
    CALLS += 1
    return SCALE * (helper(out) - y).square().sum(-1)

class Base(nn.Module):
    POWER = 1.0

    def scaled(self, x):
        return self.POWER * x

class Net(Base):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(5, 3).double()

    @property
    def twice(self):
        return 2 * self.head.bias

    @staticmethod
    def still(x):
        return x + 0.0

    def forward(self, x):
        return self.still(self.scaled(self.head(x)))

class Own(SGD):
    def step(self, lam, moments, gradient, rate, count):
        return lam - rate * gradient, ()
"""
EDITS = {
    "a helper": ("torch.tanh(x)", "torch.sin(x)"),
    "a number": ("SCALE = 2.0", "SCALE = 3.0"),
    "the loss": ("square()", "abs()"),
    "forward": ("self.scaled(self.head(x))", "self.scaled(self.head(-x))"),
    "a base": ("self.POWER * x", "self.POWER * x * x"),
    "a class's number": ("POWER = 1.0", "POWER = 1.5"),
    "a property": ("2 * self.head.bias", "3 * self.head.bias"),
    "a static method": ("x + 0.0", "x + 1.0"),
    "the optimiser": ("lam - rate * gradient", "lam - 2 * rate * gradient"),
}
SAME = {
    "nothing": ("", ""),
    "a comment": ("def helper(x):", "# said otherwise\n\n\ndef helper(x):  # so"),
    "a counter": ("CALLS = 0", "CALLS = 7"),
    "something else": ("class Own", "def unused():\n    return 3\n\nclass Own"),
}


def things(edit=("", "")):
    """Model, loss and optimiser of the file, loaded anew under the same name."""
    module = types.ModuleType("edited")
    exec(compile(FILE.replace(*edit), "edited.py", "exec"), vars(module))
    return module.Net(), module.loss, module.Own()


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_is_another_question(name):
    assert digest(things()) != digest(things(EDITS[name]))


@pytest.mark.parametrize("name", SAME)
def test_what_changes_nothing_is_the_same_question(name):
    assert digest(things()) == digest(things(SAME[name]))


def test_a_count_that_the_loss_keeps_is_no_part_of_it():
    _, loss, _ = kept = things()
    before = digest(kept)
    loss(torch.zeros(1, 3), torch.zeros(1, 3))
    assert digest(kept) == before


def test_a_store_is_not_read_for_an_edited_loss(tmp_path):
    """Guards scores and reruns of the loss as it was, at the same command."""
    base, recipe, found = network(), Recipe(rate=0.01, steps=2), []
    for edit in (SAME["nothing"], EDITS["a helper"]):
        problem = base.replaced(outer_loss=things(edit)[1])
        own = Question(problem, base.tasks.select([0]), recipe)
        found.append(attribute(own, reruns=1, store=tmp_path))
        said = []
        attribute(own, reruns=1, store=tmp_path, say=said.append)
        assert "unchanged" in said[-1]
        fresh = train(problem, recipe, progress=False)
        want = -fresh.scores(own.targets, [mi.task(k) for k in range(6)]).value
        assert torch.equal(found[-1].tasks, want)
    assert not torch.equal(found[0].tasks, found[1].tasks)


def test_another_process_has_the_same(tmp_path):
    (tmp_path / "edited.py").write_text(FILE)
    code = (
        "import edited; from metainfl.problem.digest import digest;"
        "print(digest(edited.Net(), edited.loss, edited.Own()))"
    )
    run = {"capture_output": True, "text": True, "check": True, "timeout": 60}
    place = {"cwd": tmp_path}
    found = {subprocess.run([sys.executable, "-c", code], **run, **place).stdout for _ in range(2)}
    assert len(found) == 1


def test_who_wrote_it():
    """Guards a digest that walks through torch, and one that leaves out the user's."""
    import scipy.stats
    import sklearn

    assert scipy.stats and sklearn
    for installed in ("torch.nn", "metainfl.problem", "numpy", "json", "sklearn", "scipy.stats"):
        assert not written(installed)
    assert written("__main__") and written("edited") and written(__name__) and not written(None)
