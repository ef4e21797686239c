"""inner-IF: what it refuses, where another instance would answer."""

import pytest
import torch

import metainfl as mi
from metainfl.influence.adapted import inner_influence
from metainfl.methods import inner_if
from metainfl.oracle import small_case
from tests.helpers import assert_close


def test_padding_is_refused_and_changes_no_other_instance():
    """Guards the slope of the instance that stands in for padding, given as that of the padding."""
    problem = small_case("proximal_softmax").problem()
    t = problem.tasks
    weight = torch.ones(t.support_x.shape[:2], dtype=torch.float64)
    weight[0, 1] = 0
    padded = problem.replaced(tasks=t.reweighted(support=weight))
    with pytest.raises(mi.InvalidProblem, match=r"support 0\.1: .*weight 0"):
        inner_if(padded, [mi.support(0, 0), mi.support(0, 1)])
    others = [mi.support(0, 2), mi.support(1, 1)]
    kept = inner_if(padded, others)
    assert_close(kept[1], inner_if(problem, others)[1], 1e-12)
    x = t.support_x.clone()
    x[0, 1] += 5
    moved = mi.Tasks(x, t.support_y, t.query_x, t.query_y, t.w, weight)
    assert_close(inner_if(problem.replaced(tasks=moved), others), kept, 1e-12)


def test_places_and_kinds_are_named():
    """Guards the last task taken for -1, and words that do not say what is wrong."""
    problem = small_case("proximal_softmax").problem()
    with pytest.raises(mi.InvalidProblem, match=r"support 0\.9: task 0 has"):
        inner_if(problem, [mi.support(0, 9)])
    with pytest.raises(mi.InvalidProblem, match="task 0 is not one"):
        inner_if(problem, [mi.task(0)])
    with pytest.raises(mi.InvalidProblem, match="no perturbations"):
        inner_if(problem, [])
    for k in (-1, 5):
        with pytest.raises(mi.InvalidProblem, match="tasks run from 0 to 4"):
            inner_influence(problem, k)
