"""Kind guarded: a question about nothing that is answered by 0, by torch's own error, or not the same way
everywhere: no perturbations, or a group without members."""

from functools import cache

import pytest
import torch

import metainfl as mi
from metainfl import games
from metainfl.methods import run
from metainfl.methods.features.trak import trak
from metainfl.methods.game.of_tasks import shapley_of_tasks
from metainfl.methods.implicit import cook, fast_if, fi_active, influence_measure, kfsvd
from metainfl.methods.implicit.group_influence import first_order_group, second_order_group
from metainfl.methods.implicit.inner_if import inner_if
from metainfl.methods.implicit.instance_if_frozen import instance_if_frozen
from metainfl.methods.implicit.relatif import relatif
from metainfl.methods.implicit.renormalised_if import renormalised_if
from metainfl.methods.implicit.tlxml import tlxml_gauss_newton
from metainfl.methods.run.pbrf import responses
from metainfl.oracle import small_case
from metainfl.scale.streamed import streamed
from metainfl.training import Recipe, train
from tests.training.helpers import network


@pytest.mark.parametrize(
    "make",
    [
        lambda: mi.group([]),
        lambda: mi.group(mi.task(k) for k in ()),
        lambda: mi.Perturbation("group"),
    ],
)
def test_an_empty_group_is_refused_where_it_is_made(make):
    with pytest.raises(mi.InvalidProblem, match="an empty group moves nothing"):
        make()


@pytest.mark.parametrize(
    "members, what",
    [
        ([mi.task(0), mi.group([mi.task(0), mi.task(1)])], "twice"),
        ([mi.shift("query", 0, 0, 0)], "input shift"),
    ],
)
def test_groups_are_refused_by_this_projects_errors(members, what):
    with pytest.raises(mi.InvalidProblem, match=what):
        mi.group(members)


@cache
def trained():
    return train(network(), Recipe(rate=0.1, batches=[[0], [1], [2]]), progress=False)


@cache
def problem_of(name):
    return small_case(name).problem()


def features(n):
    return torch.zeros(n, 2, dtype=torch.float64)


OF_PROBLEM = {
    "influence": lambda p, t: mi.influence(p, []),
    "scores": lambda p, t: mi.scores(p, [], t),
    "task_if": lambda p, t: mi.task_if(p, []),
    "direct_if": lambda p, t: mi.direct_if(p, []),
    "first_order": lambda p, t: mi.removal.first_order(p, []),
    "second_order": lambda p, t: mi.removal.second_order(p, []),
    "newton": lambda p, t: mi.removal.newton(p, []),
    "resolved": lambda p, t: mi.removal.resolved(p, []),
    "first_order_group": lambda p, t: first_order_group(p, []),
    "second_order_group": lambda p, t: second_order_group(p, []),
    "cook_shift": lambda p, t: cook.cook_shift(p, []),
    "cook_distance": lambda p, t: cook.cook_distance(p, []),
    "inner_if": lambda p, t: inner_if(p, []),
    "instance_if_frozen": lambda p, t: instance_if_frozen(p, []),
    "relatif": lambda p, t: relatif(p, [], t),
    "renormalised_if": lambda p, t: renormalised_if(p, [], t),
    "tlxml_gauss_newton": lambda p, t: tlxml_gauss_newton(p, []),
    "fast_if": lambda p, t: fast_if.fast_if(
        p, [], t, features=features(0), target_features=features(1), neighbours=1
    ),
    "influence_measure": lambda p, t: influence_measure.influence_measure(p, [], t),
    "fi_util": lambda p, t: influence_measure.fi_util(p, [], t),
    "kfsvd": lambda p, t: kfsvd.kfsvd(p, [], t, rank=1),
    "fi_active": lambda p, t: fi_active.fi_active(p, [], t),
    "trak": lambda p, t: trak(p, [], t),
    "pbrf": lambda p, t: responses(p, [], damping=1.0),
    "shapley_of_tasks": lambda p, t: shapley_of_tasks(p, [], t),
    "games": lambda p, t: games.solved(p, t, []),
}


@pytest.mark.parametrize("name", OF_PROBLEM)
def test_no_perturbations_of_a_problem(name):
    problem = problem_of("proximal_softmax")
    with pytest.raises(mi.InvalidProblem, match="no perturbations given"):
        OF_PROBLEM[name](problem, problem.tasks.select([0]))


METHODS = [getattr(run, n) for n in run.__all__ if n not in ("expected", "tracin_ad")]


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.__name__)
def test_no_perturbations_of_a_run(method):
    with pytest.raises(mi.InvalidProblem, match="no perturbations given"):
        method(trained(), [], trained().program.problem.tasks.select([0]))


def test_no_perturbations_of_what_a_run_has(tmp_path):
    own = trained()
    target = own.program.problem.tasks.select([0])
    path = tmp_path / "scores.npy"
    for ask in (
        lambda: own.influence([]),
        lambda: own.scores(target, []),
        lambda: own.scores(target, [mi.task(0)], reruns=[]),
        lambda: own.replay_many([]),
        lambda: run.expected([own, own], [], target),
        lambda: streamed(own, [], target, path),
    ):
        with pytest.raises(mi.InvalidProblem, match="no perturbations given"):
            ask()
    assert not list(tmp_path.iterdir()), "a file of nothing was begun"
