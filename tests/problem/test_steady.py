"""Neither lam nor a part of a problem changes while a question about it is answered."""

import threading

import pytest
import torch

import metainfl as mi
from metainfl.curvature import exact
from metainfl.errors import ProblemChanged
from metainfl.influence import adapted, removal
from metainfl.oracle import small_case
from tests.helpers import assert_close

TASK = [mi.task(0)]
HOW = {"allow_nonstationary": True, "damping": 5.0}


@pytest.fixture
def problem():
    return small_case("maml_softmax").problem()


def set_lam(p):
    p.lam = p.lam + 0.1


def write_into_lam(p):
    p.lam.mul_(1.1)


def set_a_part(p):
    p.outer_reg = 2.0


CHANGES = {"lam was set": (set_lam, write_into_lam), "a part of the problem was set": (set_a_part,)}


@pytest.mark.parametrize("words", CHANGES)
@pytest.mark.parametrize("ask", [mi.influence, removal.newton, removal.first_order])
def test_a_change_in_the_middle_is_said(problem, words, ask):
    """Guards an answer of two problems: right-hand sides at one lam and a Hessian at another."""
    for change in CHANGES[words]:

        def curvature(p, change=change):
            change(problem)
            return exact(p)

        with pytest.raises(ProblemChanged, match=words):
            ask(problem, TASK, curvature=curvature, **HOW)
    assert ask(problem, TASK, **HOW) is not None  # nothing is left behind


def test_an_error_of_the_change_is_not_told_as_another(problem):
    """Guards "the model gives different outputs on the same input" for a lam that was set meanwhile."""

    def curvature(p):
        set_lam(problem)
        raise mi.InvalidProblem("the model draws random numbers")

    with pytest.raises(ProblemChanged) as found:
        mi.influence(problem, TASK, curvature=curvature, **HOW)
    assert "random numbers" in str(found.value.__cause__)


def test_a_given_lam_is_another_matter(problem):
    """lam may be set while F is differentiated elsewhere; the parts may not."""
    want, plain = problem.gradient(problem.lam), problem.prior

    def setting(change):
        def prior(vectors):
            change(problem)
            return plain(vectors)

        return prior

    start = problem.lam
    problem.prior = setting(set_lam)
    assert_close(problem.gradient(start), want, 0)
    problem.prior = setting(set_a_part)
    with pytest.raises(ProblemChanged, match="a part of the problem was set"):
        problem.gradient(start)


def test_threads_that_ask_and_set_get_an_answer_of_one_problem_or_a_word(problem):
    """Guards a fifth of the answers: mixed ones, where another thread goes between two values of lam."""
    ends = problem.lam, problem.lam + 0.01
    truths = [mi.influence(problem.replaced(lam=e), TASK, **HOW).value for e in ends]
    stop = threading.Event()

    def go():
        while not stop.is_set():
            problem.lam = ends[1]
            problem.lam = ends[0]

    other = threading.Thread(target=go)
    other.start()
    try:
        for _ in range(60):
            try:
                got = mi.influence(problem, TASK, **HOW).value
            except ProblemChanged:
                continue
            assert min(float((got - t).abs().max()) for t in truths) < 1e-9
    finally:
        stop.set()
        other.join()


def test_what_is_no_problem_still_says_so():
    for ask in (mi.influence, removal.resolved):
        with pytest.raises(mi.InvalidProblem, match=r"asked of a metainfl\.Problem, got 3"):
            ask(3, TASK)
    with pytest.raises(mi.InvalidProblem, match=r"asked of a metainfl\.Problem, got 3"):
        adapted.parameters(3)
    assert torch.is_tensor(small_case("maml_softmax").problem().lam)
