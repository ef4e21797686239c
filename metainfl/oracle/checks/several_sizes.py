"""Tasks of four sizes: two that have as many of the one side differ in the other.

Drawn cases have a first task without padding and others of one size; here both sides tell sizes apart.
Instances have weights other than 1 where labels can be numbers, and 1 elsewhere, as most tasks have.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from metainfl.oracle.case import Case
from metainfl_reference.episodes import Weights
from metainfl_reference.generators import CLASSIFICATION

#: of a task by its number: whether an instance of its supports, and one of its queries, is not there
LESS = ((False, False), (True, False), (False, True), (True, True))


def of_several_sizes(case: Case, seed: int) -> Case:
    """The case without one instance of a side, of two, or of none, in turn."""
    w = Weights.ones(case.family.episodes)
    if case.family.name in CLASSIFICATION:
        rng = np.random.default_rng(seed)
        own = (rng.uniform(0.5, 1.5, a.shape) for a in (w.task, w.support, w.query))
        w = Weights(*own)
    for k in range(len(w.task)):
        for side, less in zip((w.support, w.query), LESS[k % len(LESS)], strict=True):
            if less and side.shape[1] > 1:
                side[k, k % side.shape[1]] = 0.0
    words = "tasks of several sizes"
    return replace(case, name=f"{case.name}, {words}", weights=w, start=case.solution.lam,
                   code=f"# {case.code}, {words}")  # fmt: skip
