"""The reference against its second routes: complex step and Richardson extrapolation."""

import numpy as np
import pytest

from metainfl.oracle import small_case
from metainfl_reference.conditioned import conditioned
from metainfl_reference.second_route import complex_step, richardson
from tests.helpers import ADAPTED, NAMES, WITH_DIRECT, assert_close

KINDS = ("task", "support", "query", "support_input", "query_input", "group")


@pytest.mark.parametrize("name", NAMES)
def test_gradient_and_hessian_by_complex_step(name):
    family = small_case(name, 3).family
    lam = family.initial() + 0.3 * np.random.default_rng(0).standard_normal(family.n_meta)
    gradient, hessian = family.slope_and_curvature(lam)
    assert_close(gradient, complex_step.gradient(family, lam), 1e-12, "gradient")
    assert_close(hessian, complex_step.hessian(family, lam), 1e-12, "Hessian")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", [0, 1])
def test_influence_by_complex_step(name, seed):
    """The fixed point of the complex solve depends on grad F alone; 1e-12 leaves room for cond(H)."""
    case = small_case(name, seed)
    pis = case.perturbations(KINDS)[:: 2 + seed]
    second = [complex_step.solution_derivative(case.family, p, case.solution) for p in pis]
    assert_close(case.truth("derivative", pis), np.stack(second), max(1e-12, case.tolerance()))


@pytest.mark.parametrize("name", WITH_DIRECT)
def test_influence_with_direct_term(name):
    case = small_case(name, 1, direct=0.3)
    pis = case.perturbations(KINDS)[::5]
    second = [complex_step.solution_derivative(case.family, p, case.solution) for p in pis]
    assert_close(case.truth("derivative", pis), np.stack(second), max(1e-12, case.tolerance()))
    tasks = case.perturbations(["task"])
    assert np.abs(case.truth("direct", tasks)).max() > 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_influence_by_finite_weights(name):
    """Re-solving at finite weights: nothing but solve() and arithmetic."""
    case = small_case(name, 2)
    pis = case.perturbations(KINDS, limit=6)
    truth = case.truth("derivative", pis)
    for row, p in zip(truth, pis, strict=True):
        second, own = richardson.solution_derivative(case.family, p, case.solution)
        assert np.abs(row - second).max() <= 1e-9 * np.abs(truth).max() + 10 * own, str(p)


@pytest.mark.parametrize("name", ADAPTED)
def test_task_jacobian_and_inner_influence(name):
    case = small_case(name, 1)
    family, lam, h = case.family, case.solution.lam, 1e-30
    columns = []
    for a in range(family.n_meta):
        z = lam.astype(complex)
        z[a] += 1j * h
        columns.append(family.task_parameters(1, z).imag / h)
    assert_close(family.task_jacobian(1, lam), np.stack(columns, axis=1), 1e-12)
    weights = case.solution.weights
    moved = [
        family.task(1, lam, weights.moved(p, 1j * h)).theta.imag / h
        for p in case.perturbations(["support"])
        if p.task == 1
    ]
    assert_close(family.task(1, lam).theta_by_support(), np.stack(moved, axis=1), 1e-12)


@pytest.mark.parametrize(
    "inner, total",
    [(1e1, 1e1), (1e2, 1e8), (1e4, 1e4), (1e6, 1e4), (1e8, 1e2), (1e1, 1e6), (1e8, 1e8)],
)
def test_conditioned_problems(inner, total):
    """The generator's promise, and agreement within what those condition numbers allow."""
    family = conditioned(0, inner=inner, total=total)
    at = family.solve()
    a = family.task(0, at.lam).inner_condition()
    assert abs(np.log(a / inner)) < 1e-3
    assert abs(np.log(at.certificate.condition / total)) < 1e-3
    from metainfl_reference.perturbation import query, support, task

    pis = [task(0), support(1, 2), query(2, 1)]
    second = np.stack([complex_step.solution_derivative(family, p, at) for p in pis])
    assert_close(family.influence(pis, at).value, second, 64 * 2.2e-16 * (inner + total) + 1e-12)
