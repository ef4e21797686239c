"""The named methods that are nothing but a choice of parts: each against the reference's own answer."""

import pytest

import metainfl as mi
from metainfl.methods import (
    first_order_group,
    instance_if_query,
    instance_if_support,
    second_order_group,
    task_if,
    task_if_cg,
)
from metainfl.oracle import small_case
from tests.helpers import assert_close

NAMES = ["proximal_ridge", "maml_softmax", "prototypes"]


@pytest.mark.parametrize("name", NAMES)
def test_exact_methods(name):
    """Guards a part that is exchanged in a named method, the iterative solver included (rtol 1e-14 of the
    residual: the condition number of H, below 1e4 here, makes 1e-10 of the solution)."""
    case = small_case(name)
    problem = case.problem()
    asked = {
        task_if: [mi.task(0), mi.task(2), mi.group([mi.task(0), mi.task(1)])],
        instance_if_query: [mi.query(0, 0), mi.query(2, 1)],
        instance_if_support: [mi.support(0, 0), mi.support(2, 1)],
    }
    for method, pis in asked.items():
        assert_close(method(problem, pis), case.influence(pis), 100 * case.tolerance(), method.name)
    pis = asked[task_if]
    assert_close(task_if_cg(problem, pis), case.influence(pis), 1e-10)


@pytest.mark.parametrize("name", ["proximal_ridge", "maml_softmax"])
def test_groups(name):
    """Guards weights and signs of group removal; second order: the claim's 1e-7, of central differences."""
    case = small_case(name)
    pis = [mi.group([mi.task(0), mi.task(3)]), mi.group([mi.query(1, 0), mi.support(2, 1)])]
    lam = case.solution.lam
    for method, estimand, tolerance in (
        (first_order_group, "first_order", 100 * case.tolerance()),
        (second_order_group, "second_order", 1e-7),
    ):
        got = method(case.problem(), pis).numpy() - lam
        assert_close(got, case.truth(estimand, pis) - lam, tolerance, estimand)
