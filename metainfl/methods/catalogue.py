"""Every named estimator: how to call it, what it estimates, and the test that holds it to an exact value.

`find("k-nn")` or `metainfl methods k-nn` looks one up. Importing this imports none of them: `Entry.load`
does. What an estimator reads says how it is called:
    minimiser     f(problem, perturbations) or f(problem, perturbations, targets), or makes such a method
    point         f(problem, removed, damping=...) at problem.lam, a minimiser or not
    run           f(run, perturbations, targets); runs: with a list of runs
    run, targets  f(run, targets): no perturbations
    game          f(game), with options
    own game      f(problem, target, rate), which makes the game
    probabilities, features, values, trees   as the docstring says
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from metainfl.errors import InvalidOption
from metainfl.methods.catalogue_table import TABLE


@dataclass(frozen=True)
class Entry:
    """One estimator; `place` is room, file and name below `metainfl.methods`."""

    name: str
    place: str
    reads: str
    estimand: str
    test: str

    @property
    def path(self) -> str:
        """Module and name: what an import statement needs."""
        return f"metainfl.methods.{self.place}"

    def load(self) -> Callable[..., Any]:
        """The callable."""
        module, _, name = self.path.rpartition(".")
        found: Callable[..., Any] = getattr(import_module(module), name)
        return found


def find(word: str = "") -> list[Entry]:
    """Entries whose name, place or estimand contains the word, in the catalogue's order.

    Raises `InvalidOption` where there is none.
    """
    low = word.lower()
    found = [e for e in ENTRIES if low in f"{e.name} {e.place} {e.estimand}".lower()]
    if not found:
        names = [n for e in ENTRIES for n in (e.name, e.place.rpartition(".")[2])]
        near = get_close_matches(word, names, n=2)
        meant = f" (did you mean {' or '.join(near)}?)" if near else ""
        raise InvalidOption(f"no estimator is called {word!r}{meant}; `metainfl methods` lists all")
    return found


def _entries() -> tuple[Entry, ...]:
    found = []
    for test, lines in TABLE.items():
        for line in lines.strip().splitlines():
            name, place, reads, estimand = (cell.strip() for cell in line.split("|"))
            found.append(Entry(name, place, reads, estimand, f"tests/{test}"))
    return tuple(found)


ENTRIES = _entries()
