"""What advice promises of each option is kept, and is the function that `properties` holds methods to."""

import numpy as np
import pytest
import torch

from metainfl import curvature
from metainfl.advice.advise import advise
from metainfl.advice.bounds import damping, krylov, precision, series, truncation
from metainfl.oracle import small_case
from metainfl.solve import CG, Dense, Neumann
from metainfl.solve.operator import SymmetricOperator

FAMILIES = ["single_ridge", "single_softmax", "proximal_ridge", "maml_softmax"]


def _worst(found, want):
    return float(((found - want).norm(dim=0) / want.norm(dim=0)).max())


@pytest.mark.parametrize("name", FAMILIES)
def test_each_option_keeps_its_promise(name):
    """Guards a promise that is made by another formula than the one that is tested."""
    problem = small_case(name, 3).problem()
    found = advise(problem, 1e-2)
    a, b = curvature.exact(problem), problem.task_gradients(problem.lam).T
    want = torch.linalg.solve(a.dense(), b)
    series_ = Neumann(terms=found.neumann_terms, scale=found.neumann_scale, allow_unconverged=True)
    cg = CG(max_iterations=found.cg_iterations, rtol=0, allow_unconverged=True)
    half = SymmetricOperator(len(b), a.dense().float().__matmul__, b.float(), a.dense().float())
    got = {
        "dense": Dense()(a, b).solution,
        "float32": Dense()(half, b.float()).solution.double(),
        "CG": cg(a, b).solution,
        "Neumann": series_(a, b).solution,
    }
    if name.startswith("single"):
        other = curvature.ekfac(problem)
        got["EK-FAC"] = other.inverse(b)
        gap = np.linalg.norm((a.dense() - other @ torch.eye(len(b)).double()).numpy(), 2)
        low = float(torch.linalg.eigvalsh(other @ torch.eye(len(b)).double())[0])
        assert found.options["EK-FAC"] == pytest.approx(gap / low, rel=1e-6, abs=1e-13)
    assert set(got) == set(found.options) - {"damping"}
    for option, solution in got.items():
        assert _worst(solution, want) <= found.options[option] + 1e-13, option
    assert found.options["damping"] == 0 and found.predicted == found.options["dense"]
    assert "float32 " in str(found) and "damping(" not in str(found)


def test_no_promise_is_made_where_there_is_no_bound():
    """Guards a number in place of infinity: damping an indefinite matrix has no bound."""
    problem = small_case("prototypes", 1).problem()
    problem.lam = 0.05 * problem.lam
    found = advise(problem)
    assert found.low < 0 < found.damping
    assert found.options["damping"] == np.inf and "no bound" in str(found)


@pytest.mark.parametrize("k", [1.5, 30.0, 1e4])
@pytest.mark.parametrize("wanted", [0.1, 1e-6])
def test_lengths_and_errors_are_one_formula(k, wanted):
    """Guards a length that its own bound calls too short, or half as long again as needed."""
    n, terms = krylov.iterations_for(k, wanted), series.terms_for(k, wanted)
    assert krylov.iterations(k, n, 1.0) <= wanted
    assert series.neumann(1.0, k, 1 / k, terms, 1.0) <= wanted
    assert terms < 2 or series.neumann(1.0, k, 1 / k, terms - 2, 1.0) > wanted
    assert n < 8 or krylov.iterations(k, n - 8, 1.0) > wanted**1.5


def test_bounds_are_infinite_where_their_condition_fails():
    """Guards a finite bound for a matrix that is not definite, or a series that diverges."""
    assert damping.damping(0.0, 1.0, 1.0) == np.inf == damping.relative(1.0, -1.0)
    assert krylov.residual(1.0, 0.0) == np.inf == truncation.truncation(1.0, -1.0)
    assert series.neumann(1.0, 2.0, 1.0, 5, 1.0) == np.inf == series.noise(1.0, 1, 3)
    assert damping.damping(2.0, 2.0, 8.0) == pytest.approx(2.0)
    assert krylov.residual(3.0, 2.0) == 1.5 and krylov.relative(1e-3, 10.0) == 1e-2
    assert precision.certain(1e-7, 10, 2, parameters=3) > precision.likely(
        1e-7, 10, 2, parameters=3
    )
