"""Two things that come together, names that right answers deny, and what a call leaves behind for good."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import numpy as np
import pytest
import torch

import metainfl as mi
from metainfl.oracle import check_method
from metainfl.oracle.checks import CHECKS
from metainfl.oracle.checks.several_sizes import of_several_sizes
from metainfl.oracle.context import Context
from metainfl.oracle.mutants import MUTANTS
from metainfl.oracle.mutants.parts import truth
from metainfl.oracle.mutants.targets import scored
from metainfl.oracle.outcome import Failed
from metainfl.oracle.settings_of_libraries import modes
from metainfl.oracle.space import drawn_case
from metainfl.problem.ragged import Ragged
from tests.oracle.judged import judge

RIDGE = mi.Claim(families=("proximal_ridge",))


@pytest.mark.parametrize(
    "name, check",
    [
        ("sizes_by_supports_alone", "notation_does_not_matter"),
        ("queries_by_themselves", "rows_do_not_mix"),
        ("sides_kept_by_lam", "weight_moves_between_task_and_queries"),
        ("sides_kept_by_what_is_outside", "scaling_what_is_inside"),
    ],
)
def test_two_fields_that_come_together(name, check):
    """Guards wrong methods that passed a quick check: each field alone is answered rightly."""
    s = MUTANTS[name]
    with pytest.raises(Failed):
        CHECKS[check].run(Context(s.method, s.claim, quick=True))


def test_an_equality_that_is_replaced_is_seen():
    """Guards classes of metainfl whose methods a call may replace: those of perturbations passed."""
    report = judge("replaces_an_equality", ["leaves_the_process_alone"])
    assert [o.message for o in report.failures if "functions of torch" in o.message], report


@pytest.mark.parametrize("name", ["proximal_ridge", "maml_softmax", "prototypes"])
def test_sizes_that_share_a_side(name):
    """Guards tasks of different sizes that either side alone tells apart."""
    case = of_several_sizes(drawn_case(name, "narrow"), 0)
    w = case.solution.weights
    sizes = {((u != 0).sum(), (v != 0).sum()) for u, v in zip(w.support, w.query, strict=True)}
    assert len(sizes) == 4 and len({s for s, _ in sizes}) == len({q for _, q in sizes}) == 2


def test_no_name_from_cases_of_one_row():
    """Guards a wrong name: a single row has one length, and is parallel to its truth where it is a number."""

    def doubled(problem, pis, targets):
        scores = scored(problem, pis, targets)
        whole = [sum(m.kind == "task" for m in p.members) == problem.tasks.n_tasks for p in pis]
        return (
            scores
            * scores.new_tensor(
                [1.0 + (p.kind == "group" and w) for p, w in zip(pis, whole, strict=True)]
            )[:, None]
        )

    claim = mi.Claim(estimand="score", kinds=("task", "group"))
    report = check_method(
        doubled, claim=claim, quick=True, in_process=True, checks=["agrees_with_the_truth"]
    )
    assert report.diagnosis.startswith("no known variant"), report.diagnosis


def test_a_number_of_members_is_denied_by_groups_that_are_right():
    """Guards a wrong name: pairs twice as large, and larger groups right."""

    def doubled(problem, pis):
        rows = truth(problem, pis)
        pairs = [
            2.0 if len(p.members) == 2 and {m.kind for m in p.members} == {"query"} else 1.0
            for p in pis
        ]
        return rows * rows.new_tensor(pairs)[:, None]

    claim = mi.Claim(kinds=("query", "group"), families=("proximal_ridge", "maml_linear"))
    report = check_method(
        doubled, claim=claim, quick=True, in_process=True, checks=["agrees_with_the_truth"]
    )
    assert report.diagnosis.startswith("no known variant"), report.diagnosis


def test_an_answer_of_terabytes_is_called_one():
    """Guards the words: the memory that a copy would have taken was said to be raised by the method."""

    def endless(problem, pis):
        return np.broadcast_to(np.float64(1.0), (len(pis), 10**12))

    ctx = Context(endless, RIDGE, quick=True)
    with pytest.raises(Failed, match=r"returned shape \(\d+, 1000000000000\)"):
        CHECKS["returns_an_array"].run(ctx)


def test_a_level_of_forward_mode_that_is_left_open_is_seen():
    """Guards what makes every later derivative in forward mode fail; a profiler left on is seen likewise."""
    before = modes()
    with torch.autograd.forward_ad.dual_level():
        assert modes() != before
    with torch.autograd.profiler.profile():
        assert modes() != before
    assert modes() == before


def test_a_pool_may_grow_in_some_calls():
    """Guards right methods: a pool of threads grows when more come at once than before."""
    pool, calls = ThreadPoolExecutor(8), []

    def grows(problem, pis):
        calls.append(1)
        go, many = Event(), (1, 3, 3)[min(len(calls), 3) - 1]
        waiting = [pool.submit(go.wait) for _ in range(many)]
        go.set()
        [w.result() for w in waiting]
        return truth(problem, pis)

    try:
        CHECKS["leaves_the_process_alone"].run(Context(grows, RIDGE, quick=True))
    finally:
        pool.shutdown()


def test_rows_of_a_target_alone_may_be_ragged():
    """Guards targets of different sizes beside tasks of one."""

    def halved(problem, pis, targets):
        apart = isinstance(targets, Ragged) and not isinstance(problem.tasks, Ragged)
        return scored(problem, pis, targets) * (0.5 if apart else 1.0)

    claim = mi.Claim(estimand="score", kinds=("task",), families=("proximal_ridge",))
    with pytest.raises(Failed, match="the targets alone"):
        CHECKS["notation_does_not_matter"].run(Context(halved, claim, quick=True))
