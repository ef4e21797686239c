"""One run, asked by several threads at once."""

import threading

import pytest
import torch

import metainfl as mi
from metainfl.training import Adam, Recipe, train
from tests.helpers import relative
from tests.training.helpers import network


def at_once(*work):
    """Each in a thread of its own; what one of them raised is raised."""
    raised = []

    def tried(f):
        try:
            f()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=tried, args=(f,)) for f in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if raised:
        raise raised[0]


@pytest.fixture(scope="module")
def run():
    recipe = Recipe(optimiser=Adam(), rate=0.01, steps=6, batch_size=2, seed=3)
    return train(network(), recipe, progress=False)


def test_a_step_has_its_own_batch(run, often):
    """Guards the batch of another thread's step in place of this one's: numbers of other tasks."""
    program, every = run.program, run.program.problem.tasks.query_x

    def look(first):
        for i in range(1500):
            t = (first + i) % program.steps
            assert torch.equal(program.batch(t).query_x, every[list(program.batches[t])]), t

    at_once(lambda: look(0), lambda: look(3))


def test_answers_do_not_hang_on_who_else_asks(run, often):
    """Guards what passes over one run share: batches, states, forward mode."""
    targets, asked = run.problem().tasks.select([0, 1]), [mi.task(0), mi.support(2, 1)]
    ask = (
        lambda: run.scores(targets, asked).value,
        lambda: run.influence(asked).value,
        lambda: run.replay({asked[0]: 0.5}).lam,
    )
    want = [f() for f in ask]

    def again(k):
        for _ in range(2):
            assert relative(ask[k](), want[k]) < 1e-13, k

    at_once(*(lambda k=k: again(k) for k in range(3)))
