"""A few problems of three tasks, and the reference's values of their subsets."""

from functools import lru_cache

import numpy as np

from metainfl.oracle.bridge import problem_of, tasks_of
from metainfl_reference.estimands import values
from metainfl_reference.families import FAMILIES
from metainfl_reference.family import targets
from metainfl_reference.generators import regression

T = 3


@lru_cache
def setting(name):
    """Family, its solution, the production problem solved, and two targets."""
    family = FAMILIES[name](regression(2, tasks=T, support=3, query=3, d=2, c=1), d_out=0.5)
    problem = problem_of(family)
    problem.solve()
    return family, family.solve(), problem, tasks_of(family.episodes).select([0, 2])


@lru_cache
def truth(name):
    """v(S) (2^T, 2) with its bound."""
    family, at, _, _ = setting(name)
    found = [values.game(family, targets(family.episodes)[k], at) for k in (0, 2)]
    return np.stack([f.value for f in found], 1), np.stack([f.bound for f in found], 1)


def close(found, name):
    """Within the reference's bound and p n roundings of the values, which are sums of squares."""
    want, bound = truth(name)
    return (np.abs(found - want) <= bound + 1e3 * np.finfo(float).eps * (1 + np.abs(want))).all()
