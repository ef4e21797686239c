"""The same measurements through pytest-benchmark: pytest bench/ --benchmark-json FILE.

Not among the tests that `make test` runs: timings belong to a quiet machine.
"""

import pytest

import metainfl as mi
from metainfl.ledger.parts import SOLVERS
from metainfl.ledger.problems import case_of
from metainfl.ledger.split import estimate
from metainfl_reference.perturbation import task

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
    benchmark(mi.task_if, problem, [task(k) for k in range(252)])
