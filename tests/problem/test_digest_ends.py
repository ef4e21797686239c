"""Kind guarded: a digest that takes for ever, or fails, for what people hold in closures and attributes."""

import sys
import types

import numpy as np
import pytest

from metainfl.errors import InvalidProblem
from metainfl.problem import digest as room
from metainfl.problem.digest import digest


def within(import_of):
    """A loss as people write it in a function that imports by itself."""
    mi = import_of

    def loss(out, y):
        return mi.cross_entropy(out, y) / 5

    return loss


def test_a_module_in_a_closure_is_known_by_name():
    """Guards the whole of a package, and of Python behind it, looked into along every way."""
    import metainfl

    found = digest(within(metainfl))
    assert found == digest(within(metainfl)) != digest(within(np))


def test_code_in_a_module_of_the_users_counts_from_a_closure_too(monkeypatch):
    def made(source):
        own = types.ModuleType("own_losses")
        exec(source, vars(own))
        monkeypatch.setitem(sys.modules, "own_losses", own)
        return digest(within(own))

    first = made("def cross_entropy(out, y): return out - y")
    assert first == made("def cross_entropy(out, y): return out - y")
    assert first != made("def cross_entropy(out, y): return out + y")
    assert first == made("def cross_entropy(out, y): return out - y\nother = 3")


def test_a_function_of_no_module_has_a_digest():
    scope = {}
    exec("def make():\n    return lambda out, y: out - y", scope)
    assert scope["make"]().__module__ != __name__
    assert digest(scope["make"]()) == digest(scope["make"]())


def test_what_is_held_in_many_places_is_looked_at_once():
    """2^60 ways lead to the innermost."""

    def doubled(innermost):
        for _ in range(60):
            innermost = [innermost, innermost]
        return innermost

    assert digest(doubled(["a"])) == digest(doubled(["a"])) != digest(doubled(["b"]))


def test_what_refers_to_itself_in_too_many_ways_is_refused(monkeypatch):
    monkeypatch.setattr(room, "MOST", 10_000)
    every = [[] for _ in range(12)]
    for one in every:
        one += every
    with pytest.raises(InvalidProblem, match="refers to itself in so many ways"):
        digest(every)
