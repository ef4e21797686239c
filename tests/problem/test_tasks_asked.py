"""What is asked of tasks with something else than they take; what is returned is compared as one thing."""

import dataclasses
import importlib
import inspect
import pkgutil
import re
import warnings

import numpy as np
import pytest
import torch

import metainfl
import metainfl as mi
from tests.helpers import assert_close

D = torch.float64
HOLDS = re.compile(r"\b(Tensor|Array|ndarray)\b")


def tasks(n=3):
    g = torch.Generator().manual_seed(0)
    x = torch.randn(n, 4, 3, generator=g, dtype=D)
    return mi.Tasks(x, x[..., :2].clone(), x + 1, x[..., 1:].clone())


def ragged():
    names = ("support_x", "support_y", "query_x", "query_y")
    return mi.Tasks.ragged([{n: getattr(tasks(), n)[0, :k] for n in names} for k in (2, 3)])


ASKED = {
    "a factor that is a word": (lambda t: t.scaled([mi.task(0)], "a"), "factor must be a finite"),
    "a factor that is nan": (lambda t: t.scaled([mi.task(0)], float("nan")), "factor must be"),
    "one perturbation": (lambda t: t.scaled(mi.task(0), 2.0), "give perturbations in a list"),
    "a task that is none": (lambda t: t.scaled([mi.task(9)], 0.0), "tasks run from 0 to"),
    "numbers": (lambda t: t.scaled([0], 2.0), "give perturbations in a list"),
    "another side": (lambda t: t.side("test", 0), '"support" or "query", got str'),
    "a task that is not there": (lambda t: t.side("query", 9), "tasks run from 0 to"),
    "a dtype by name": (
        lambda t: t.to(dtype="float32"),
        r"is torch\.float32 or torch\.float64, got",
    ),
    "half": (lambda t: t.to(dtype=torch.float16), "second derivatives are rounding"),
}


@pytest.mark.parametrize("make", [tasks, ragged])
@pytest.mark.parametrize("name", ASKED)
def test_what_tasks_do_not_take_is_named(make, name):
    """Guards bare errors, and "in float32 or float64, not in float32"."""
    ask, words = ASKED[name]
    with pytest.raises(mi.MetainflError, match=words):
        ask(make())


@pytest.mark.parametrize("make", [tasks, ragged])
def test_what_they_take_is_of_any_library(make):
    t = make()
    assert_close(t.scaled((mi.task(1),), np.float32(0.5)).w, torch.tensor([1, 0.5, 1][: len(t)]), 0)
    assert torch.equal(t.side("query", -1)[0], t.side("query", len(t) - 1)[0])


def test_tensors_whose_operations_are_their_own_are_refused():
    """Guards torch's "Multiple dispatch failed" out of a model."""
    t = tasks()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        masked = torch.masked.masked_tensor(t.query_x, t.query_x > 0)
    with pytest.raises(mi.InvalidTasks, match="support_x is a MaskedTensor, whose operations"):
        mi.Tasks(masked, t.support_y, t.query_x, t.query_y)
    plain = type("Plain", (torch.Tensor,), {})
    own = mi.Tasks(t.support_x.as_subclass(plain), t.support_y, t.query_x, t.query_y)
    assert torch.equal(own.support_x, t.support_x)


def results():
    """The classes of the package that hold tensors or arrays."""
    for m in pkgutil.walk_packages(metainfl.__path__, "metainfl."):
        if m.name.startswith(("metainfl.experiments", "metainfl.oracle", "metainfl.__main__")):
            continue
        try:
            with warnings.catch_warnings():  # the oldest typer warns with the newest click
                warnings.simplefilter("ignore", DeprecationWarning)
                module = importlib.import_module(m.name)
        except ImportError:  # a library that is not installed here
            continue
        for c in vars(module).values():
            own = inspect.isclass(c) and c.__module__ == m.name and dataclasses.is_dataclass(c)
            if own and any(HOLDS.search(str(f.type)) for f in dataclasses.fields(c)):
                yield c


def test_what_holds_tensors_is_compared_as_one_thing():
    """Guards "Boolean value of Tensor with more than one value is ambiguous" for tasks == tasks."""
    t = tasks()
    assert t == t and t != tasks() and t in [tasks(), t] and len({t, t}) == 1
    found = list(results())
    assert len(found) > 25
    assert [c for c in found if c.__eq__ is not object.__eq__] == []


@pytest.mark.parametrize("take", [lambda t: t[0], lambda t: t[1:], list, lambda t: [x for x in t]])
def test_tasks_are_not_taken_by_brackets(take):
    """Guards a bare TypeError, and a choice between a task and a batch of one that nobody was told of."""
    for given in (tasks(), mi.Tasks.ragged([{**shapes(2)}, {**shapes(3)}])):
        with pytest.raises(mi.InvalidTasks, match=r"tasks\.select\(\[0, 3\]\)"):
            take(given)


def shapes(n):
    """One task of n instances a side."""
    x = torch.arange(3.0 * n, dtype=D).reshape(n, 3)
    return {"support_x": x, "support_y": x[:, :2], "query_x": x + 1, "query_y": x[:, :2]}
