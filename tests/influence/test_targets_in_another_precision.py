"""Targets in another precision than the problem's are taken in its own, wherever targets are asked about.

Guards torch's own complaint about two dtypes, told as a model that fails.
"""

import pytest
import torch

import metainfl as mi
from metainfl.influence import adapted, removal
from metainfl.methods.implicit.fast_if import fast_if
from metainfl.methods.implicit.relatif import relatif
from metainfl.methods.implicit.renormalised_if import renormalised_if

FEATURES = {"features": torch.ones(4, 1), "target_features": torch.ones(4, 1), "neighbours": 4}
ASKED = {
    "scores": lambda p, pis, t: mi.scores(p, pis, t).value,
    "scores of 001": lambda p, pis, t: mi.scores(p, pis, t, through_adaptation=False).value,
    "target losses": lambda p, pis, t: removal.target_losses(p, removal.resolved(p, pis), t),
    "readapted": lambda p, pis, t: removal.readapted(p, removal.resolved(p, pis), t),
    "adapted": lambda p, pis, t: adapted.adaptation_influence(p, mi.influence(p, pis).value, t),
    "relatif": relatif,
    "renormalised": renormalised_if,
    "neighbours": lambda p, pis, t: fast_if(p, pis, t, **FEATURES).value,
}


@pytest.mark.parametrize("asked", ASKED)
def test_targets_are_taken_in_the_problem_s_precision(asked):
    torch.manual_seed(0)
    x, y = torch.randn(4, 8, 3), torch.randn(4, 8, 1)
    single = mi.Tasks(x[:, :4], y[:, :4], x[:, 4:], y[:, 4:])
    tasks = single.to(dtype=torch.float64)
    problem = mi.Problem(
        mi.Linear(3, 1), tasks, mi.Unrolled(1, 0.05), inner_loss=mi.squared, outer_reg=1.0
    )
    problem.solve(progress=False)
    pis = [mi.task(k) for k in range(4)]
    want, got = (ASKED[asked](problem, pis, t) for t in (tasks, single))
    assert got.dtype == torch.float64 and torch.equal(got, want) and bool(want.any())
