"""Attribution over seeds: intervals, refusals, and the run that removals belong to."""

import pytest
import torch

import metainfl as mi
from metainfl.attribution import Question, attribute
from metainfl.errors import InvalidRecipe
from metainfl.training import Recipe
from tests.helpers import assert_close
from tests.training.helpers import network


def test_seeds_give_intervals(asked):
    """Guards an interval of the wrong runs: half of it is t times the deviation of the mean."""
    found = attribute(asked, reruns=0, seeds=2)
    run, tasks = asked.subject, [mi.task(k) for k in range(6)]
    every = [run, *run.over_seeds([4, 5])]
    means = torch.stack([-r.scores(asked.targets, tasks).value.mean(1) for r in every])
    assert_close(found.tasks.mean(1), means.mean(0), 1e-12)
    assert_close(found.half_width, 4.302652729749464 * means.std(0) / 3**0.5, 1e-9)


@pytest.mark.parametrize("size", [None, 6])
def test_seeds_that_draw_nothing_are_refused_before_training(size, monkeypatch):
    """Guards intervals of width 0, and training before the refusal."""
    from metainfl.training.program import Program

    monkeypatch.setattr(Program, "advance", None)
    problem = network()
    recipe = Recipe(rate=0.1, steps=3, batch_size=size)
    with pytest.raises(InvalidRecipe, match="draws nothing from its seed"):
        attribute(Question(problem, problem.tasks.select([0]), recipe), seeds=2)


def test_over_seeds_a_removal_stands_beside_its_own_run(asked, tmp_path):
    """Guards a mean over runs as the prediction of removals that are done in one of them."""
    run = asked.subject
    for _ in range(2):  # again from the file
        found = attribute(asked, reruns=5, seeds=2, store=tmp_path)
        done = found.confirmation
        want = -run.scores(asked.targets, [mi.task(k) for k in done.tasks]).value
        assert_close(done.reruns.predicted[: len(done.tasks)], want, 1e-12)
        if done.together:
            group = [mi.group(mi.task(k) for k in done.together)]
            assert_close(done.reruns.predicted[-1:], -run.scores(asked.targets, group).value, 1e-12)
        assert "first run" in str(done)
    assert "first run" not in str(attribute(asked, reruns=5).confirmation)
