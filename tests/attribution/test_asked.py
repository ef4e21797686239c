"""Arguments of attribute, edit and advise that are something else: named before anything is computed."""

import pytest
import torch

import metainfl as mi
from metainfl.advice import advise, advise_run
from metainfl.attribution import Question, attribute
from metainfl.attribution.edit import without
from metainfl.training import Recipe, train
from tests.training.helpers import network

RECIPE = Recipe(rate=0.1, batches=[[0], [1], [2]])


@pytest.fixture(scope="module")
def run():
    return train(network(), RECIPE, progress=False)


@pytest.fixture
def question(run):
    return Question(run, run.program.problem.tasks.select([0]))


def refuse_work(*args, **kwargs):
    raise AssertionError("work has begun")


ASKED = {
    "seed": ("a", "seed must be a whole number"),
    "jobs": (0, "jobs is how many work at once"),
    "tell": ("x", "tell is a function told"),
    "say": (None, "say is a function told"),
    "keep": (3, "keep is a function told"),
}


@pytest.mark.parametrize("name", ASKED)
def test_attribute_looks_at_its_arguments_first(question, name, monkeypatch):
    """Guards minutes of training before "'str' object is not callable"."""
    value, words = ASKED[name]
    monkeypatch.setitem(attribute.__globals__, "fits", refuse_work)
    with pytest.raises(mi.InvalidOption, match=words):
        attribute(question, **{name: value})


def test_edit_and_advice_look_at_theirs(question, run, monkeypatch):
    monkeypatch.setitem(without.__globals__, "fits", refuse_work)
    monkeypatch.setitem(advise.__globals__, "preflight", refuse_work)
    with pytest.raises(mi.InvalidOption, match="tell is a function told"):
        without(question, [mi.task(0)], tell="x")
    for asked, subject in ((advise, run.problem()), (advise_run, run)):
        with pytest.raises(mi.InvalidOption, match="measure must be True or False"):
            asked(subject, measure="no")
        with pytest.raises(mi.InvalidOption, match="progress is a function told"):
            asked(subject, progress=3)
    for wrong in (None, run.problem()):
        with pytest.raises(mi.InvalidOption, match=r"asked of a metainfl\.training\.Run"):
            advise_run(wrong)


def test_a_question_says_what_is_wrong_with_it(run):
    """Guards a recipe that is none, and pictures of another size, until the page is written."""
    problem = run.program.problem
    with pytest.raises(mi.InvalidProblem, match=r"recipe is a metainfl\.training\.Recipe, got str"):
        Question(problem, problem.tasks, recipe="x")
    with pytest.raises(mi.MetainflError, match="which are no picture of 9x9"):
        Question(run, problem.tasks, image=(9, 9))
    with pytest.raises(mi.InvalidProblem, match="centre is a tensor, got list"):
        Question(run, problem.tasks, centre=[0.0])


def test_stored_influences_ask_a_problem(run):
    lam = run.problem().lam
    stored = mi.Stored(torch.zeros(1, len(lam), dtype=lam.dtype), [mi.task(0)], lam)
    with pytest.raises(mi.InvalidProblem, match=r"asked of a metainfl\.Problem"):
        stored.scores(None, run.program.problem.tasks)
