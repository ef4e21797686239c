"""Reruns that end in no number: the scores stay, the other reruns are done once, and it is said which."""

import pytest
import torch

import metainfl as mi
from metainfl.errors import RunNotFinite
from metainfl.training import Recipe, replays, train


def barrier(outputs, y):
    """Infinite beyond 1: without the pull of the others a run leaves what can be computed."""
    return (-torch.log(1 - outputs) - y * outputs).sum(1)


@pytest.fixture
def run():
    """One task pushes the outputs to the barrier; without task 0, which holds it back, a step crosses it."""
    y = torch.tensor([-9.0, 8.0, -0.1, -0.2], dtype=torch.float64).reshape(4, 1, 1)
    x = torch.ones_like(y)
    net = torch.nn.Linear(1, 1, bias=False).double()
    tasks = mi.Tasks(x[:, :0], y[:, :0], x, y)
    problem = mi.Problem(net, tasks, mi.NoAdaptation(), inner_loss=barrier, outer_reg=0.1)
    recipe = Recipe(rate=0.3, steps=4, reduction="sum")
    return train(problem, recipe, start=torch.zeros(1, dtype=torch.float64), progress=False)


def test_a_rerun_that_overflows_costs_the_others_nothing(run, monkeypatch, tmp_path):
    """Guards an hour of scores and of finished reruns that are lost with one of them."""
    one, done = replays._one, []

    def counted(program, steps, p, *more):
        done.append(p)
        return one(program, steps, p, *more)

    monkeypatch.setattr(replays, "_one", counted)
    targets, asked = run.problem().tasks.select([2]), [mi.task(k) for k in range(4)]
    found = run.scores(targets, asked, reruns=asked)
    assert found.value.equal(run.scores(targets, asked).value)
    assert list(found.undone) == ["task 0"] and "RunNotFinite: step" in found.undone["task 0"]
    assert found.reruns.perturbations == tuple(asked[1:]) and len(done) == 4
    for p, row in zip(asked[1:], found.reruns.true, strict=True):
        want = run.without(p).target_losses(targets) - run.target_losses(targets)
        assert row.equal(want)
    for p, row in zip(asked[1:], found.reruns.predicted, strict=True):
        assert row.equal(-found.value[asked.index(p)])
    assert "task 0 was not removed for real: RunNotFinite" in str(found)
    with pytest.raises(RunNotFinite):
        run.replay_many(asked, store=tmp_path)


def test_where_none_can_be_done_the_scores_stay(run):
    """Guards a rank correlation of nothing, and an answer that says nothing was asked."""
    targets = run.problem().tasks.select([2])
    found = run.scores(targets, [mi.task(0)], reruns=1)
    assert found.reruns is None and list(found.undone) == ["task 0"]
    assert "ask with" not in str(found)


def test_a_target_that_overflows_after_a_removal_is_named_too(run):
    """Guards the loss of a target, which can be infinite where every step of the rerun was finite."""
    tasks = run.problem().tasks.select([2])
    x = tasks.query_x * 0.999 / run.lam  # just inside the barrier now
    target = mi.Tasks(tasks.support_x, tasks.support_y, x, tasks.query_y)
    found = run.scores(target, [mi.task(1), mi.task(2)], reruns=2)
    assert "loss" in found.undone["task 1"] and found.reruns.perturbations == (mi.task(2),)
