"""Arguments given by their names, and words, lists and modules that are none: no error of Python's own.

Guards `missing 1 required positional argument: 'problem'` of a call that names it, and arrays and tensors
where a word of a few belongs, whose comparison has no truth value.
"""

import numpy as np
import pytest
import torch
from torch import nn

import metainfl as mi
from metainfl.errors import InvalidRecipe, MetainflError
from metainfl.influence import adapted
from metainfl.oracle import small_case
from metainfl.training import Recipe, train
from tests.training.helpers import network

TASK = [mi.task(0)]
ARRAY, TENSOR = np.zeros(3), torch.ones(2)


@pytest.fixture(scope="module")
def problem():
    return small_case("maml_softmax").problem()


@pytest.mark.parametrize("f", [mi.influence, mi.removal.first_order, mi.removal.newton])
def test_a_problem_may_be_given_by_its_name(problem, f):
    """In whatever order, as any argument of Python."""
    found, want = f(perturbations=TASK, problem=problem), f(problem, TASK)
    assert torch.equal(getattr(found, "value", found), getattr(want, "value", want))


def test_so_may_lam_and_targets(problem):
    lam, tasks = problem.lam, problem.tasks
    assert torch.equal(problem.gradient(lam=lam), problem.gradient(lam))
    want = mi.scores(problem, TASK, tasks).value
    assert torch.equal(mi.scores(targets=tasks, perturbations=TASK, problem=problem).value, want)
    assert torch.equal(adapted.parameters(problem=problem), adapted.parameters(problem))


def test_what_is_no_problem_is_named_by_name_too():
    with pytest.raises(mi.InvalidProblem, match=r"asked of a metainfl.Problem, got 3"):
        mi.influence(problem=3, perturbations=TASK)
    with pytest.raises(mi.InvalidProblem, match=r"asked of a metainfl.Problem"):
        mi.symmetry.find(None)


WRONG = {
    "product": lambda p, v: p.replaced(product=v),
    "way": lambda p, v: p.replaced().solve(way=v),
    "progress": lambda p, v: p.replaced().solve(progress=v),
    "side": lambda p, v: p.tasks.side(v, 0),
    "shift": lambda p, v: mi.shift(v, 0, 0, 0),
    "kind": lambda p, v: mi.Perturbation(v, 0),
    "compressed": lambda p, v: mi.Stored(p.lam[None], TASK, p.lam).compressed(2, dtype=v),
    "reduction": lambda p, v: Recipe(rate=0.1, steps=1, reduction=v),
    "dtype": lambda p, v: Recipe(rate=0.1, steps=1, dtype=v),
    "run's progress": lambda p, v: run().influence(TASK, progress=v),
    "smoothness": lambda p, v: run().influence(TASK, smoothness=v),
    "smoothness of scores": lambda p, v: run().scores(p.tasks, TASK, smoothness=v),
}


def run():
    return train(network(), Recipe(rate=0.1, batches=[[0]]), progress=False)


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize(
    "value", [ARRAY, TENSOR, ["mean"], {"a": 1}], ids=lambda v: type(v).__name__
)
def test_a_word_or_a_yes_that_is_none(problem, name, value):
    with pytest.raises(MetainflError, match=r"got|there is no"):
        WRONG[name](problem, value)


@pytest.mark.parametrize(
    "value", [torch.tensor(1.0), np.array(1.0)], ids=lambda v: type(v).__name__
)
def test_one_number_is_no_list(problem, value):
    """Guards "iteration over a 0-d tensor"."""
    with pytest.raises(mi.InvalidProblem, match="give a list"):
        mi.influence(problem, value)
    with pytest.raises(mi.InvalidProblem, match="made of a list"):
        mi.group(value)
    with pytest.raises(mi.InvalidProblem, match="in a list"):
        problem.tasks.scaled(value, 0.5)


@pytest.mark.parametrize(
    "value",
    [nn.Linear, None, 3, lambda theta, x: x],
    ids=["a class", "None", "a number", "a function"],
)
def test_what_is_no_module(value):
    with pytest.raises(mi.InvalidProblem, match=r"FromModule takes a torch.nn.Module.*got"):
        mi.FromModule(value)


def test_reruns_are_a_number_of_any_library_and_not_below_none():
    """Guards -1 reruns, which were none without a word."""
    done, tasks = run(), network().tasks
    assert done.scores(tasks, TASK, reruns=np.int64(1)).reruns is not None
    with pytest.raises(InvalidRecipe, match="reruns must be a whole number of at least 0, got -1"):
        done.scores(tasks, TASK, reruns=-1)


def test_numbers_beyond_what_there_is(problem):
    with pytest.raises(InvalidRecipe, match="a rate is kept of each"):
        Recipe(rate=0.1, steps=10**30)
    with pytest.raises(mi.InvalidTasks, match="cannot be put on device"):
        problem.tasks.to(10**30)
    with pytest.raises(InvalidRecipe, match="device is a name"):
        Recipe(rate=0.1, steps=1, device=10**30)
