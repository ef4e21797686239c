"""What is kept between two calls: nothing good is lost or done twice, and what is damaged is told."""

from dataclasses import replace

import pytest
import torch

import metainfl as mi
from metainfl.attribution import Question, attribute
from metainfl.errors import InvalidOption, InvalidRecipe, RankLost, SetAside
from metainfl.training import SGD, Adam, Recipe, train
from metainfl.training.kept import trained
from metainfl.training.program import Program
from tests.training.helpers import network

RECIPE = Recipe(optimiser=Adam(), rate=0.01, steps=4, batch_size=4, seed=3)


class Own(SGD):
    """An optimiser that no file can name."""


@pytest.fixture
def steps(monkeypatch):
    """Steps taken so far; the one at `steps.stop` is Ctrl-C."""

    class Steps(list):
        stop = None

    taken, advance = Steps(), Program.advance

    def counted(self, t, state):
        taken.append(t)
        if len(taken) == taken.stop:
            raise KeyboardInterrupt
        return advance(self, t, state)

    monkeypatch.setattr(Program, "advance", counted)
    return taken


@pytest.fixture(scope="module")
def asked():
    return Question(train(network(), RECIPE, progress=False), network().tasks.select([0]))


def test_seeds_are_kept_as_they_are_trained(asked, steps, tmp_path):
    """Guards runs of other seeds that are trained anew after Ctrl-C in one of them."""
    attribute(asked, reruns=0, seeds=2, store=tmp_path / "whole")
    before = len(steps) - 8  # what looks at the run
    steps.clear()
    steps.stop = before + 6  # in the second step of the second seed
    with pytest.raises(KeyboardInterrupt, match=r"1 of 4 steps, kept in .*seeds/5"):
        attribute(asked, reruns=0, seeds=2, store=tmp_path / "new" / "folder")
    steps.clear()
    steps.stop = None
    found = attribute(asked, reruns=0, seeds=2, store=tmp_path / "new" / "folder")
    assert len(steps) == before + 3
    want = attribute(asked, reruns=0, seeds=2)
    assert torch.equal(found.tasks, want.tasks) and torch.equal(found.half_width, want.half_width)


def test_what_was_trained_before_a_rank_was_lost_is_kept(steps, tmp_path, monkeypatch):
    """Guards the steps since the last save, half a minute of them, on the ranks that are left."""
    problem, recipe = network(), Recipe(rate=0.05, steps=6)
    whole, advance = train(problem, recipe, progress=False).lam, Program.advance

    def lost(self, t, state):
        if t == 4:
            raise RankLost("rank 0 of 2 lost another one")
        return advance(self, t, state)

    with monkeypatch.context() as here:
        here.setattr(Program, "advance", lost)
        with pytest.raises(RankLost) as error:
            trained(problem, recipe, tmp_path / "run", False)
    assert error.value.result.done == 4
    steps.clear()
    run = trained(problem, recipe, tmp_path / "run", False)
    assert len(steps) == 2 and torch.equal(run.lam, whole)


def test_an_optimiser_of_ones_own_is_told_before_training(steps, tmp_path):
    """Guards a training that cannot be kept at its end."""
    problem = network()
    recipe = replace(RECIPE, optimiser=Own())
    own = Question(problem, problem.tasks.select([0]), recipe)
    with pytest.raises(
        InvalidRecipe, match=r"Own is an optimiser of your own.*return run, targets"
    ):
        attribute(own, reruns=0, store=tmp_path)
    assert not steps
    run = train(problem, recipe, progress=False)
    found = attribute(Question(run, own.targets), reruns=0, seeds=1, store=tmp_path)
    assert found.half_width is not None and not (tmp_path / "seeds").exists()


def test_a_run_from_another_start_is_another(tmp_path):
    """Guards the run that is kept for one start in place of that from another."""
    first = trained(network(), RECIPE, tmp_path, False)
    problem = network()
    for p in problem.setting.model.module.parameters():
        p.data.mul_(2)
    second = trained(problem, RECIPE, tmp_path, False)
    assert not torch.equal(first.lam, second.lam)
    assert torch.equal(second.lam, train(problem, RECIPE, progress=False).lam)


def test_a_store_that_is_a_file_is_told(asked, tmp_path):
    """Guards a bare error of the system, and one of a library where the folder is new."""
    (tmp_path / "file").write_text("")
    for call in (
        lambda: attribute(asked, store=tmp_path / "file"),
        lambda: asked.subject.replay_many([mi.task(0)], store=tmp_path / "file"),
    ):
        with pytest.raises(InvalidOption, match=r"can be no store to write into"):
            call()
    attribute(asked, reruns=0, store=tmp_path / "new" / "folder")
    assert (tmp_path / "new" / "folder" / "scores.safetensors").exists()


def test_cut_files_are_set_aside_and_done_again(asked, steps, tmp_path):
    """Guards a bare error of a library for a file that a full disk cut, and good ones done again."""
    recipe = Question(network(), asked.targets, RECIPE)
    first = attribute(recipe, reruns=3, store=tmp_path)
    reruns = sorted((tmp_path / "reruns").glob("*.safetensors"))
    for path in (tmp_path / "scores.safetensors", reruns[0], tmp_path / "run" / "run.safetensors"):
        path.write_bytes(path.read_bytes()[:40])
    steps.clear()
    with pytest.warns(SetAside) as told:
        again = attribute(recipe, reruns=3, store=tmp_path)
    named = " ".join(str(w.message) for w in told if w.category is SetAside)
    assert all(n in named for n in ("scores.safetensors.aside", reruns[0].name, "run.json.aside"))
    assert len([w for w in told if w.category is SetAside]) == 3
    assert torch.equal(again.tasks, first.tasks)
    assert torch.equal(again.confirmation.reruns.true, first.confirmation.reruns.true)
    assert sorted((tmp_path / "reruns").glob("*.safetensors")) == reruns
