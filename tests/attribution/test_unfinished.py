"""Runs that were stopped are asked, and priced, as they are."""

import pytest
import torch

from metainfl.attribution import Question, attribute
from metainfl.errors import Interrupted, InvalidProblem
from metainfl.training import Run, train
from metainfl.training.checkpoints import Checkpoints
from tests.attribution.recipe import RECIPE
from tests.helpers import assert_close
from tests.training.helpers import network


def unfinished(done, recipe=RECIPE):
    """A run that was stopped after so many steps."""

    def stop(steps, *rest):
        if steps == done:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted) as caught:
        train(network(), recipe, progress=stop)
    return caught.value.result


def test_an_unfinished_run_is_asked_as_it_is(asked, monkeypatch):
    """Guards steps that were never taken: run to predict a cost, priced, or counted as a phase."""
    from metainfl.training.program import Program

    run, advance, steps = unfinished(5), Program.advance, []
    recipe = run.recipe.from_step(0, 6, 5)
    whole = train(network(), recipe, progress=False)

    def counted(self, t, state):
        steps.append(self.start.steps + t)
        return advance(self, t, state)

    monkeypatch.setattr(Program, "advance", counted)
    found = attribute(Question(run, asked.targets), reruns=3)
    assert max(steps) == 4  # of the eight in the recipe
    same = attribute(Question(whole, asked.targets), reruns=3)
    assert_close(found.tasks, same.tasks, 1e-12)
    assert_close(found.confirmation.reruns.true, same.confirmation.reruns.true, 1e-12)
    last = run.phase(3, progress=False)
    assert last.done == 2 and not last.finished and torch.equal(last.lam, run.lam)
    assert last.resume(progress=False).finished
    assert torch.equal(last.lam, train(network(), RECIPE, progress=False).lam)


def test_a_run_without_a_step_is_told(asked):
    """Guards a division by zero."""
    run = asked.subject
    with pytest.raises(InvalidProblem, match="has taken no step"):
        Question(Run(Checkpoints(run.program, 2**20)), asked.targets)


def test_advice_prices_the_steps_taken():
    """Guards the price of the whole recipe beside a run of a part of it."""
    from metainfl.advice.advise_run import advise_run

    found = advise_run(unfinished(5))
    assert found.plan.steps == 5
