"""Arguments that are something else, or the other way round: named, and no error of Python's own."""

from functools import cache

import pytest
import torch

import metainfl as mi
from metainfl import training
from metainfl.errors import InvalidRecipe
from metainfl.training import Recipe, train
from tests.training.helpers import network


@cache
def trained():
    return train(network(), Recipe(rate=0.1, batches=[[0], [1], [2]]), progress=False)


@cache
def targets():
    return network().tasks.select([0])


def of_run(value):
    run = trained()
    return {
        "scores": lambda: run.scores(targets(), value),
        "reruns": lambda: run.scores(targets(), [mi.task(0)], reruns=value),
        "influence": lambda: run.influence(value),
        "replay_many": lambda: run.replay_many(value),
        "mi.influence": lambda: mi.influence(run.problem(), value),
        "mi.scores": lambda: mi.scores(run.problem(), value, targets()),
        "first_order": lambda: mi.removal.first_order(run.problem(), value),
    }


@pytest.mark.parametrize("name", list(of_run(None)))
@pytest.mark.parametrize(
    "value, what",
    [
        ([0, 1, 2], r"metainfl.task\(0\).*got 0"),
        (torch.arange(3), "made by metainfl.task"),
        ([[mi.task(0)]], "metainfl.group"),
        (mi.task(0), r"give a list.*\[metainfl.task\(0\)\]"),
        ((mi.task(k) for k in range(2)), "give a list"),
        ({mi.task(0): 0.0}, "give a list"),
        (None, "give a list"),
        (3.5, "give a list"),
    ],
    ids=lambda v: v if isinstance(v, str) else type(v).__name__,
)
def test_what_are_no_perturbations_is_named(name, value, what):
    """Guards "'int' object has no attribute 'kind'" and its kin."""
    with pytest.raises(mi.InvalidProblem, match=what):
        of_run(value)[name]()


def test_a_change_of_weights_is_a_mapping():
    for wrong in ([mi.task(0)], mi.task(0), 3):
        with pytest.raises(mi.InvalidProblem, match=r"replay\(\{metainfl.task\(0\): 0.0\}\)"):
            trained().replay(wrong)
    with pytest.raises(mi.InvalidProblem, match="got 0"):
        trained().replay({0: 0.0})
    with pytest.raises(mi.InvalidProblem, match=r"metainfl.group"):
        trained().without([mi.task(0), mi.task(1)])


def test_swapped_arguments_are_named():
    """Guards a message about something else, where the two only stand the other way round."""
    run, asked = trained(), [mi.task(0)]
    problem = run.problem()
    for ask in (
        lambda: run.scores(asked, targets()),
        lambda: mi.scores(problem, targets(), asked),
        lambda: mi.influence(problem, targets()),
    ):
        with pytest.raises(mi.MetainflError, match="order of the arguments"):
            ask()
    for ask in (
        lambda: mi.influence(asked, problem),
        lambda: mi.scores(asked, problem, targets()),
        lambda: mi.removal.first_order(asked, problem),
        lambda: mi.removal.newton(asked, problem),
    ):
        with pytest.raises(mi.InvalidProblem, match=r"metainfl.Problem, got list"):
            ask()
    for ask in (lambda: mi.influence(run, asked), lambda: mi.scores(run, asked, targets())):
        with pytest.raises(mi.InvalidProblem, match=r"run.influence.*run.scores"):
            ask()


def test_weights_are_tensors():
    """Guards "'list' object has no attribute 'shape'"."""
    tasks = targets()
    one = {k: getattr(tasks, k)[0] for k in ("support_x", "support_y", "query_x", "query_y")}
    short = {k: v[:-1] for k, v in one.items()}
    for own in (tasks, mi.Tasks.ragged([one, short])):
        with pytest.raises(mi.InvalidTasks, match="task_weight must be a torch tensor, got list"):
            own.reweighted(task=[0])
    with pytest.raises(mi.InvalidTasks, match="support_weight must be a torch tensor, got list"):
        tasks.reweighted(support=[[1.0]])


def test_the_two_ways_of_saving_tell_their_order(tmp_path):
    """Guards "expected str, bytes or os.PathLike object, not Run"."""
    run, place = trained(), tmp_path / "run"
    with pytest.raises(InvalidRecipe, match=r"save\(run, folder\).*metainfl.save\(path, value\)"):
        training.save(place, run)
    with pytest.raises(InvalidRecipe, match=r"no run \(tasks.*metainfl.save\(path, value\)"):
        training.save(targets(), place)
    with pytest.raises(InvalidRecipe, match=r"load\(folder, problem\)"):
        training.load(run.problem(), place)
    with pytest.raises(InvalidRecipe, match=r"load\(folder, problem\)"):
        training.load(place, place)
    with pytest.raises(mi.InvalidProblem, match=r"save\(path, value\).*training.save\(run, folder"):
        mi.save(targets(), place)
    assert not list(tmp_path.iterdir())
