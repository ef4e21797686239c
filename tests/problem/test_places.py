"""What names a place: any whole number means the place, and nothing else is taken for one."""

import numpy as np
import pytest
import torch

import metainfl as mi
from metainfl.errors import InvalidProblem, InvalidTasks
from metainfl.influence import removal
from tests.helpers import assert_close

KINDS = (int, np.int64, torch.tensor)


def tasks(ragged=False, seed=0):
    draw = torch.Generator().manual_seed(seed)

    def one(n):
        x, y = torch.randn(2, n, 3, generator=draw, dtype=torch.float64)
        return {"support_x": x, "support_y": y, "query_x": x + 1, "query_y": y}

    return mi.Tasks.ragged([one(4 + (k % 2) * ragged) for k in range(4)])


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_every_whole_number_is_the_place(kind, ragged):
    """Guards a key that is not the number in it: a tensor's hash is its address, so that scores were zero and
    removals of ragged tasks removed nothing."""
    problem = mi.Problem(mi.Linear(3, 3), tasks(ragged), mi.Unrolled(1, 0.1), outer_reg=0.5)
    problem.solve()
    target = tasks(seed=1).select([0])
    for make in (lambda k: mi.task(k), lambda k: mi.query(k, k), lambda k: mi.support(k, k)):
        asked, plain = [make(kind(k)) for k in (1, 2)], [make(k) for k in (1, 2)]
        assert asked == plain and all(type(p.task) is int for p in asked)
        assert_close(
            mi.scores(problem, asked, target).value, mi.scores(problem, plain, target).value, 0
        )
        assert (removal.newton(problem, asked) - problem.lam).norm(dim=1).min() > 1e-6
    with pytest.raises(InvalidProblem, match="twice"):
        mi.group([mi.task(kind(1)), mi.task(kind(1))])


@pytest.mark.parametrize("wrong", [1.0, "a", None, [1], torch.tensor([1, 2])])
def test_what_is_no_place_is_refused(wrong):
    """Guards a bare error of torch, far from where the place was given."""
    for make in (mi.task, lambda k: mi.query(0, k), lambda k: mi.shift("query", 0, 0, k)):
        with pytest.raises(InvalidProblem, match="whole number"):
            make(wrong)
    with pytest.raises(InvalidProblem, match="side is"):
        mi.shift("Support", 0, 0, 0)  # it shifted the query
    with pytest.raises(InvalidProblem, match="holds perturbations"):
        mi.group([0, 1])
    for alone in (mi.task(0), None, 3):
        with pytest.raises(InvalidProblem, match="a group is made of a list"):
            mi.group(alone)


@pytest.mark.parametrize("ragged", [False, True])
def test_tasks_are_selected_alike(ragged):
    """Guards a mask that is read as places, and a single place that makes a malformed batch."""
    every = tasks(ragged)
    mask = torch.tensor([False, True, True, False])
    for index in (mask, [1, 2], [1, -2], torch.tensor([1, 2]), np.array([1, 2])):
        assert_close(every.select(index).side("query", 1)[0], every.side("query", 2)[0], 0)
    for wrong in (2, [], [9], [-5], [0.0], ~mask & mask, mask[:2], "ab"):
        with pytest.raises((InvalidTasks, ValueError, TypeError)) as caught:
            every.select(wrong)
        assert isinstance(caught.value, InvalidTasks), wrong


def test_half_precision_is_refused_wherever_it_comes_from():
    """Guards a conversion that the constructor would have refused."""
    with pytest.raises(InvalidTasks, match="rounding"):
        tasks().to(dtype=torch.float16)


def test_other_tasks_are_other_states():
    """Guards prepared adaptations of tasks that were there before, taken for those of others: as many
    tensors with as many changes in place. Proximal keeps its inner solutions."""
    problem = mi.Problem(mi.Linear(3, 3), tasks(), mi.Proximal(1.0), outer_reg=0.5)
    problem.solve()
    problem.losses(problem.lam)
    problem.tasks = tasks(seed=1)
    fresh = mi.Problem(
        mi.Linear(3, 3), tasks(seed=1), mi.Proximal(1.0), outer_reg=0.5, lam=problem.lam
    )
    assert_close(problem.losses(problem.lam), fresh.losses(fresh.lam), 1e-14)
