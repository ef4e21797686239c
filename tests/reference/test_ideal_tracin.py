"""Ideal TracIn of a run, and TracIn as its first order."""

import numpy as np
import pytest

from metainfl_reference.errors import InvalidProblem
from metainfl_reference.estimands.trajectory import (
    Recipe,
    ideal_tracin,
    run,
    tracin,
)
from metainfl_reference.family import targets
from metainfl_reference.generators import small
from metainfl_reference.routes.trajectories import RECIPES, recipe
from tests.reference.runs import start


def test_ideal_tracin_adds_up_to_the_whole_change():
    """Guards 003 eq. 52, and that its derivative-free credit does not ask for plain descent."""
    for optimiser in RECIPES:
        family = small("maml_softmax", 1)
        of = run(family, recipe(optimiser, tuple((i % 5,) for i in range(20))), start(family))
        target = targets(family.episodes)[2]
        ideal = ideal_tracin(of, target)
        drop = family.target_loss(target, of.lam[0]) - family.target_loss(target, of.lam[-1])
        assert abs(ideal.value.sum() - drop) <= ideal.bound.sum() + 1e-14
    with pytest.raises(InvalidProblem, match="step 0 has 3"):
        ideal_tracin(run(family, recipe("momentum"), start(family)), target)


def test_tracin_is_the_first_order_of_ideal_tracin():
    family = small("single_softmax", 1, d_out=1e-9)  # weight decay belongs to no task
    target = targets(family.episodes)[0]
    gaps = []
    for rate in (1e-3, 5e-4):
        of = run(family, Recipe(((3,),), (rate,)), start(family))
        gaps.append(abs(ideal_tracin(of, target).value - tracin(of, target).value).max())
    assert 1.9 < np.log2(gaps[0] / gaps[1]) < 2.1
