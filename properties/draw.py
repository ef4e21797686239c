"""Questions by name, seed, kind and number, and the strategies that draw them."""

from __future__ import annotations

from functools import lru_cache
from itertools import islice

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from metainfl.oracle.case import Case
from metainfl_reference.episodes import Episodes, Weights
from metainfl_reference.errors import NotCertified
from metainfl_reference.families import FAMILIES
from metainfl_reference.generators import CLASSIFICATION, build, classification, regression
from properties.question import SHIFT, Question

NAMES = sorted(FAMILIES)
SINGLE = [n for n in NAMES if n.startswith("single")]
WEIGHTS = ("task", "support", "query", "group")
KINDS = (*WEIGHTS, "support_input", "query_input")
SLOW = ("proximal_softmax",)  # solving it again takes ten times as long: drawn a third as often


@lru_cache(maxsize=1024)
def question(name: str, seed: int, kind: str, pick: int) -> Question | None:
    """A question of the named family; None where it has no certified answer, or no such datum.

    Even seeds have weights of their own, and every third a direct term where the family knows one.
    """
    rng = np.random.default_rng([seed, 1])
    tasks = 3 + seed % 3
    if name in CLASSIFICATION:
        d = 3 if name == "prototypes" else 2
        e = classification(seed, tasks=tasks, shots=2, queries=2, d=d, ways=2 + seed % 2)
    else:
        d = 3 if name == "linear_representation" else 2
        e = regression(seed, tasks=tasks, support=3, query=4, d=d, c=1 + seed % 2)
    direct = {"direct": 0.3} if name.startswith("proximal") and seed % 3 == 0 else {}
    weights = _weights(e, rng) if seed % 2 == 0 else Weights.ones(e)
    case = Case(f"{name}[{seed}]", build(name, e, **direct), "", weights=weights)
    try:
        if not case.solution.certificate.condition < 1e6:
            return None
        found = case.perturbations([kind])
        if not found:
            return None
        p = found[pick % len(found)]
        moved = case.move(p, SHIFT) if kind.endswith("input") else case.removal_shift(p)
    except NotCertified:
        return None
    code = f"question({name!r}, {seed}, {kind!r}, {pick})"
    q = None if moved is None else Question(case, p, moved, code)
    return q if q is not None and np.isfinite(q.first_order) else None


@st.composite
def questions(draw, names=NAMES, kinds=KINDS):
    """A question of any of these families and kinds."""
    often = [n for n in names for _ in range(1 if n in SLOW else 3)]
    name = draw(st.sampled_from(often))
    q = question(
        name,
        draw(st.integers(0, 9999)),
        draw(st.sampled_from([k for k in kinds if known(name, k)])),
        draw(st.integers(0, 31)),
    )
    assume(q is not None)
    return q


def known(name: str, kind: str) -> bool:
    """Whether the family has such data: single-level ones have no support set."""
    return not (name in SINGLE and kind.startswith("support"))


def fixed(names=NAMES, kinds=KINDS, each: int = 2) -> list[Question]:
    """The same questions every time, `each` a family, kinds in turn: what medians are taken over."""
    out = []
    for place, name in enumerate(names):
        mine = [k for k in kinds if known(name, k)]
        tried = (question(name, s, mine[(s + place) % len(mine)], s) for s in range(1, 40))
        wanted = 1 if name in SLOW and len(names) > 2 else each
        out += islice((q for q in tried if q is not None), wanted)
    return out


def _weights(e: Episodes, rng: np.random.Generator) -> Weights:
    """Between 1/2 and 2, every one of them another."""
    shapes = (e.n_tasks, e.support_x.shape[:2], e.query_x.shape[:2])
    return Weights(*(2.0 ** rng.uniform(-1, 1, s) for s in shapes))
