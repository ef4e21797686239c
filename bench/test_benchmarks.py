"""The same measurements through pytest-benchmark: pytest bench/ --benchmark-json FILE.

Not among the tests that `make test` runs: timings belong to a quiet machine.
"""

import pytest

import metainfl as mi
from bench.first_order_error import relative_errors
from metainfl.ledger.parts import SOLVERS
from metainfl.ledger.problems import case_of
from metainfl.ledger.split import estimate

FAMILIES = ("proximal_ridge", "proximal_softmax", "maml_softmax", "single_softmax")


@pytest.mark.parametrize("family", FAMILIES)
def test_meta_gradient(benchmark, family):
    problem = case_of(family).problem()
    benchmark(problem.gradient, problem.lam)


@pytest.mark.parametrize("family", FAMILIES)
def test_hessian_product(benchmark, family):
    problem = case_of(family).problem()
    benchmark(problem.hessian_product, problem.lam, problem.lam)


@pytest.mark.parametrize("solver", SOLVERS)
def test_influence_of_all_tasks(benchmark, solver):
    case = case_of("proximal_softmax")
    pis = case.perturbations(["task"])
    benchmark(estimate, case.problem(), pis, solver=solver)


def test_all_252_digit_tasks(benchmark):
    problem = case_of("digits").problem()
    benchmark(mi.task_if, problem, [mi.task(k) for k in range(252)])


def test_the_scripts_ask_as_the_package_is_asked():
    """Their numbers are committed; here they run, on the smallest problem."""
    assert relative_errors(6, 0, "task-IF").max() < 1
