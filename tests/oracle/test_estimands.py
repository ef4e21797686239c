"""Estimands as objects: found by themselves, claimed by name, judged by their own truth."""

import numpy as np
import pytest

import metainfl as mi
from metainfl.influence import adapted, removal
from metainfl.methods.implicit.inner_if import inner_if
from metainfl.methods.implicit.relatif import relatif
from metainfl.methods.implicit.renormalised_if import renormalised_if
from metainfl.oracle import check_method
from metainfl.oracle.context import Context
from metainfl.oracle.estimands import ESTIMANDS, Estimand, find
from metainfl.oracle.space import drawn_case

CHECKS = ["returns_an_array", "agrees_with_the_truth"]


def theta_moves(problem, pis, targets):
    """(targets, n, q) of production, perturbations first."""
    rows = mi.influence(problem, pis).value
    return adapted.adaptation_influence(problem, rows, targets).transpose(0, 1)


TWO = ("proximal_ridge", "maml_softmax")
NONLINEAR = ("single_softmax", "maml_softmax")
METHODS = {
    "adapted": (theta_moves, {"families": ("linear_representation", "maml_softmax")}),
    "inner": (inner_if, {"kinds": ("support",)}),
    "second_order": (
        lambda p, q: removal.second_order(p, q),
        {"kinds": ("task", "support"), "accuracy": 1e-8, "families": TWO},  # it differences
    ),
    "first_order": (lambda p, q: removal.first_order(p, q), {"kinds": ("task", "query")}),
    "score": (lambda p, q, t: mi.scores(p, q, t).value, {}),
    "relative_score": (relatif, {"kinds": ("support", "query"), "families": NONLINEAR}),
    "renormalised_score": (renormalised_if, {"kinds": ("support", "query"), "families": NONLINEAR}),
}


def judged(method, claim):
    return check_method(method, claim=claim, checks=CHECKS, quick=True, in_process=True)


@pytest.mark.parametrize("name", METHODS)
def test_an_estimand_passes_the_right_method_and_fails_the_half_of_it(name):
    """Guards a truth of another shape or scale than what the claim promises."""
    method, claim = METHODS[name]
    claimed = mi.Claim(estimand=name, **claim)
    assert judged(method, claimed).passed

    def half(*args):
        out = method(*args)
        return args[0].lam + (out - args[0].lam) / 2 if find(name).edit else out / 2

    report = judged(half, claimed)
    assert [o.check for o in report.failures] == ["agrees_with_the_truth"]


def test_every_file_is_an_estimand_with_its_words():
    """Guards an estimand that the discovery does not see, or one without words."""
    assert {"derivative", "removal", "newton", "score", "shapley", "adapted", "inner"} <= set(
        ESTIMANDS
    )
    for name, e in ESTIMANDS.items():
        assert isinstance(e, Estimand) and e.name == name and e.words and e.kinds
        assert e.evidence in ("minimiser", "run", "game", "features")


def test_an_unknown_estimand_is_named():
    """Guards a claim that nobody can judge."""
    with pytest.raises(mi.InvalidProblem, match=r"unknown estimand 'shap'; one of .*shapley"):
        check_method(mi.influence, claim=mi.Claim(estimand="shap"))


def test_a_difference_of_losses_is_allowed_their_rounding():
    """Guards exact removal scores, once failed where the loss is hundreds of times its change."""
    case = drawn_case("single_ridge", "narrow", 0)
    ctx = Context(mi.task_if, mi.Claim(estimand="removal_score"))
    problem, pis = case.problem(), [mi.task(1)]
    got = removal.target_losses(problem, removal.resolved(problem, pis), case.target_tasks(problem))
    want = case.truth("removal_score", pis)
    gap = np.linalg.norm(got.numpy() - want) / np.linalg.norm(want)
    allowed = ctx.measured_tolerance(case, pis)[0]
    assert allowed >= 20 * case.tolerance() and gap <= allowed / 10 and allowed < 1e-11


def test_a_second_problem_is_asked_for_removals_that_it_has():
    """Guards exact removals, once failed where the other problem's minimum ends under one of them."""
    claim = mi.Claim(
        estimand="removal", kinds=("task", "group"), families=("linear_representation",)
    )
    method = lambda problem, pis: removal.resolved(problem, pis)  # noqa: E731
    checks = ["has_no_hidden_state"]
    assert check_method(method, claim=claim, checks=checks, quick=True, in_process=True).passed
