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


HELPER = """
TABLE = {"a": [1.0, 2.0]}
COUNT = 0

def f(x):
    global COUNT
    COUNT += 1
    return 2.0 * x
"""
USER = """
import functools
import numpy as np
import helper_of_users as helper

PAIR, LIST, KNOWN, ARRAY = (1.0, 2.0), [1.0], {"k": 1.0}, np.ones(3)
SEEN, CACHE, LAST, CALLS = [], {}, {}, 0

def base(x, by):
    return by * x

part = functools.partial(base, by=2.0)

@functools.lru_cache
def cached(n):
    return n + 1.0

def count():
    global CALLS
    CALLS += 1

class Net:
    calls = 0
    sizes = [1, 2]

    def forward(self, x):
        Net.calls += 1
        return x * self.sizes[0]

def loss(out, y):
    count()
    SEEN.append(1)
    CACHE[len(SEEN)] = CALLS
    LAST.update(at=helper.COUNT)
    x = Net().forward(helper.f(part(out))) * helper.TABLE["a"][0] + cached(1)
    return (x * PAIR[0] * LIST[0] * KNOWN["k"] * ARRAY[0] - y).sum(-1)
"""
FAR = {
    "a module's function": ("2.0 * x", "3.0 * x"),
    "a module's table": ("[1.0, 2.0]", "[1.0, 3.0]"),
    "a tuple": ("(1.0, 2.0)", "(3.0, 2.0)"),
    "a list": ("[1.0], {", "[4.0], {"),
    "a dict": ('"k": 1.0', '"k": 2.0'),
    "an array": ("np.ones", "np.zeros"),
    "a partial's function": ("by * x", "by + x"),
    "a partial's number": ("by=2.0", "by=3.0"),
    "a wrapped function": ("n + 1.0", "n + 2.0"),
    "a class's list": ("sizes = [1, 2]", "sizes = [2, 2]"),
}


def far(monkeypatch, edit=("", "")):
    """A loss that uses another module of the user's."""
    for name, text in (("helper_of_users", HELPER), ("user_of_it", USER)):
        module = types.ModuleType(name)
        monkeypatch.setitem(sys.modules, name, module)
        exec(compile(text.replace(*edit), name, "exec"), vars(module))
    return module.loss


@pytest.mark.parametrize("name", FAR)
def test_an_edit_further_away_is_another_question(name, monkeypatch):
    """Guards a module's function, or what a container holds, that changes and answers from before."""
    assert digest(far(monkeypatch)) != digest(far(monkeypatch, FAR[name]))


def test_what_changes_by_running_is_no_part_of_it(monkeypatch):
    """Guards counters of a class and of a function that is called, and containers that are filled."""
    loss = far(monkeypatch)
    before = digest(loss)
    assert before == digest(far(monkeypatch))
    loss(torch.zeros(1, 3), torch.zeros(1, 3))
    assert digest(loss) == before


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
    run = {"capture_output": True, "text": True, "check": True, "timeout": 300}
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
