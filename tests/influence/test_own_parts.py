"""Solvers and curvatures of a user's own: right numbers from right ones, words about wrong ones."""

import pytest
import torch

import metainfl as mi
from metainfl.influence import removal
from metainfl.oracle import small_case
from metainfl.solve.operator import SymmetricOperator
from tests.helpers import assert_close


@pytest.fixture(scope="module")
def problem():
    return small_case("maml_softmax").problem()


def inverse(a, b):
    x = torch.linalg.solve(a.dense(), b)
    return mi.solve.SolveResult(x, 0.0, 0.0, 1, a.products, True)


def of_wrong_size(problem):
    return SymmetricOperator(2, lambda v: v, problem.lam)


def of_wrong_shape(problem):
    return SymmetricOperator(problem.n_meta, lambda v: v[:, 0], problem.lam)


@pytest.mark.parametrize("ask", [mi.influence, removal.newton, removal.first_order])
def test_an_own_solver_that_solves_is_as_good(problem, ask):
    want, got = ask(problem, [mi.task(0)]), ask(problem, [mi.task(0)], solver=inverse)
    assert_close(getattr(got, "value", got), getattr(want, "value", want), 1e-10)


SOLVERS = {
    "a bare solution": (lambda a, b: inverse(a, b).solution, "returned a tensor"),
    "takes the operator alone": (lambda a: a, "raised TypeError"),
    "another shape": (
        lambda a, b: mi.solve.SolveResult(b[:, 0], 0.0, 0.0, 1, 0, True),
        "returned a solution a tensor",
    ),
    "not finite": (
        lambda a, b: mi.solve.SolveResult(b * float("nan"), 0.0, 0.0, 1, 0, True),
        "the solution is nan",
    ),
}


@pytest.mark.parametrize("ask", [mi.influence, removal.newton])
@pytest.mark.parametrize("name", SOLVERS)
def test_an_own_solver_that_does_not_is_told_so(problem, name, ask):
    """Guards "'Tensor' object has no attribute 'solution'"."""
    solver, words = SOLVERS[name]
    with pytest.raises(mi.MetainflError, match=words):
        ask(problem, [mi.task(0)], solver=solver)


CURVATURES = {
    "raises": (mi.curvature.kronecker, "raised TypeError"),
    "a matrix": (lambda p: torch.eye(p.n_meta), "returned a tensor"),
    "another size": (of_wrong_size, r"is \(2, 2\), but the problem has"),
    "another shape": (of_wrong_shape, "must have the shape of what it is applied to"),
}


@pytest.mark.parametrize("name", CURVATURES)
def test_an_own_curvature_that_is_none_is_told_so(problem, name):
    curvature, words = CURVATURES[name]
    with pytest.raises(mi.InvalidOption, match=words):
        mi.influence(problem, [mi.task(0)], curvature=curvature, damping=0.1)
