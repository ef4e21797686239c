"""Starts of runs, and every kind of perturbation of them."""

import numpy as np

from metainfl_reference.perturbation import group, query, shift, support, task


def start(family):
    return 0.3 * np.random.default_rng(0).standard_normal(family.n_meta)


def every_kind(family):
    own = [] if family.name.startswith("single") else [support(0, 1), shift("support", 3, 0, 2)]
    return [task(0), query(1, 0), group([task(2), query(3, 1)]), shift("query", 4, 0, 1), *own]
