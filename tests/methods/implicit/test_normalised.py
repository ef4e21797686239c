"""RelatIF and renormalised scores: against the reference, their bound, and what they may not depend on."""

import numpy as np
import pytest
import torch

import metainfl as mi
from metainfl.methods.implicit.relatif import relatif
from metainfl.methods.implicit.renormalised_if import renormalised_if
from metainfl.oracle import small_case
from tests.helpers import assert_close

NAMES = ["single_softmax", "proximal_softmax", "maml_softmax", "prototypes"]


def asked(case):
    problem = case.problem()
    pis = [mi.task(k) for k in range(problem.tasks.n_tasks)] + [mi.query(0, 1), mi.query(2, 0)]
    return problem, pis, case.target_tasks(problem)


@pytest.mark.parametrize("name", NAMES)
def test_by_the_reference(name):
    """Guards the sign, and a norm of another vector: both are written out from the reference's numbers."""
    case = small_case(name)
    problem, pis, targets = asked(case)
    rows, g = case.influence(pis), case.target_gradients
    c = case.cross_derivatives(pis)
    tolerance = 100 * case.tolerance()
    assert_close(
        relatif(problem, pis, targets),
        rows @ g / np.linalg.norm(rows, axis=1, keepdims=True),
        tolerance,
    )
    own = rows @ g / np.linalg.norm(c, axis=0)[:, None]
    assert_close(renormalised_if(problem, pis, targets), own, tolerance)
    both = renormalised_if(problem, pis, targets, both=True)
    assert_close(both, own / np.linalg.norm(g, axis=0), tolerance)


def test_bound_and_scale():
    """Guards a normalisation by something else: |RelatIF| <= |D L_t|, and a datum's scale drops out."""
    case = small_case("single_softmax")
    problem, pis, targets = asked(case)
    value = relatif(problem, pis, targets)
    slopes = problem.task_gradients(problem.lam, targets).norm(dim=1)
    assert (value.abs() <= slopes * (1 + 1e-12)).all()
    # a group of a task with itself has twice its gradient
    for method in (relatif, renormalised_if):
        once = method(problem, [mi.query(0, 0)], targets)
        heavy = problem.replaced(
            tasks=problem.tasks.reweighted(task=problem.tasks.w * torch.tensor([3.0, 1, 1, 1, 1]))
        )
        again = method(heavy, [mi.query(0, 0)], targets, allow_nonstationary=True)
        flat = {"allow_nonstationary": True, "curvature": mi.curvature.identity}
        assert not torch.allclose(once, again)  # H has changed
        same = [method(p, [mi.query(0, 0)], targets, **flat) for p in (problem, heavy)]
        assert_close(same[1], same[0], 1e-13)


def test_nothing_to_normalise_is_said():
    """Guards a NaN from 0/0: targets equal to the prediction leave a gradient of zero."""
    x = torch.eye(2, dtype=torch.float64)[None]
    y = torch.tensor([[[0.0], [1.0]]], dtype=torch.float64)
    tasks = mi.Tasks(x[:, :0], y[:, :0], x, y)
    problem = mi.Problem(mi.Linear(2, 1), tasks, mi.NoAdaptation(), outer_reg=0.5)
    problem.solve()
    for method in (relatif, renormalised_if):
        with pytest.raises(mi.InvalidOption, match="normalise"):
            method(problem, [mi.query(0, 0)], tasks)
    with pytest.raises(mi.InvalidOption, match="target 0 has a gradient of zero"):
        zero = mi.Tasks(x[:, :0], y[:, :0], x[:, :1], y[:, :1])
        renormalised_if(problem, [mi.query(0, 1)], zero, both=True)
