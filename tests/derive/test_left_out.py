"""Kind guarded: an adaptation of one's own that forgets its weights, and numbers that are of no removal."""

from dataclasses import dataclass

import pytest
import torch
from torch.func import grad

import metainfl as mi
from metainfl.derive import contract, cross
from metainfl.errors import InvalidProblem
from metainfl.problem.adaptation import Adaptation
from metainfl.training import Recipe, train
from tests.training.helpers import extrapolated, network


class Own(Adaptation):
    """One step on the mean of the support losses, or on that of them all, weighed or not."""

    def __init__(self, weighed):
        self.weighed = weighed

    def adapt(self, s, lam, task, state):
        def fit(theta):
            losses = s.inner_loss(s.model(theta, task.support_x), task.support_y)
            u = task.support_weight if self.weighed else torch.ones_like(losses)
            return (u * losses).sum() / u.sum()

        return lam - 0.2 * grad(fit)(lam)


def trained(weighed):
    problem = network().replaced(adaptation=Own(weighed))
    return train(problem, Recipe(rate=0.1, steps=2, batch_size=3), progress=False)


def test_weights_that_are_not_read_are_told_where_they_are_asked_for():
    run, target = trained(weighed=False), network(seed=1).tasks.select([0])
    assert run.scores(target, [mi.task(1), mi.query(0, 1)]).value.any()  # these are right
    end, one = run.problem(), [mi.support(0, 1)]
    for ask in (
        lambda: run.scores(target, one),
        lambda: run.influence(one),
        lambda: run.without(one[0]),
        lambda: cross.columns(end, one),
        lambda: contract.contract(end, torch.ones(end.n_meta, 1).double(), one),
    ):
        with pytest.raises(InvalidProblem, match="of weight 0 still counts in Own"):
            ask()


@dataclass
class Compared(Own):
    """Equal by its fields, so that it has no hash."""

    weighed: bool


def test_an_adaptation_that_has_no_hash_is_looked_at_too():
    for weighed in (True, False):
        problem = network().replaced(adaptation=Compared(weighed))
        run = train(problem, Recipe(rate=0.1, steps=1), progress=False)
        if weighed:
            assert run.influence([mi.support(0, 1)]).value.any()
        else:
            with pytest.raises(InvalidProblem, match="still counts in Compared"):
                run.influence([mi.support(0, 1)])


def test_weights_that_are_read_are_differentiated():
    run, target, one = trained(weighed=True), network(seed=1).tasks.select([0]), mi.support(0, 1)

    def loss(h):
        return run.replay({one: 1 + h}).target_losses(target)

    assert torch.allclose(run.scores(target, [one]).value[0], extrapolated(loss), rtol=1e-7)
    assert not torch.equal(run.without(one).lam, run.lam)


class Transductive(Adaptation):
    """One step on the squares of the query outputs, weighed or not."""

    def __init__(self, weighed):
        self.weighed = weighed

    def adapt(self, s, lam, task, state):
        def fit(theta):
            squares = s.model(theta, task.query_x).square().sum(1)
            return (task.query_weight * squares if self.weighed else squares).sum()

        return lam - 0.05 * grad(fit)(lam)


def test_a_query_instance_that_still_counts_is_told_too():
    """Guards removals of what an adaptation goes on reading in the query set."""
    one, other = [mi.query(0, 1)], [mi.task(1), mi.support(0, 1)]
    for weighed in (True, False):
        problem = network().replaced(adaptation=Transductive(weighed))
        run = train(problem, Recipe(rate=0.1, steps=2), progress=False)
        end = run.problem()
        assert run.influence(other).value.isfinite().all()
        gone = end.replaced(tasks=end.tasks.scaled(one, 0.0))
        asked = (
            lambda run=run: run.influence(one).value,
            lambda run=run: run.scores(network(seed=1).tasks, one).value,
            lambda end=end: cross.columns(end, one),
            lambda gone=gone: gone.gradient(gone.lam),
        )
        for ask in asked:
            if weighed:
                assert ask().any()
                continue
            with pytest.raises(InvalidProblem, match="a query instance of weight 0 still counts"):
                ask()
