"""Runs on disk: what comes back is the same run, and another problem is refused."""

import json
import shutil
from pathlib import Path

import pytest
import torch

import metainfl as mi
from metainfl.errors import Interrupted, InvalidRecipe
from metainfl.training import Adam, Recipe, load, save, train
from tests.training.helpers import network

RECIPE = Recipe(optimiser=Adam(), rate=0.01, steps=8, batch_size=4, seed=1)


@pytest.mark.parametrize("room", [3, 100])
def test_a_run_comes_back_whole(tmp_path, room):
    """Guards anything of a run that is not written: equal to the last digit, derivatives too."""
    run = train(network(), RECIPE, keep=room * 3 * 39 * 8, progress=False)
    save(run, tmp_path / "run")
    again = load(tmp_path / "run", network())
    assert torch.equal(again.lam, run.lam) and again.losses == run.losses
    assert again.recipe == run.recipe and again.finished
    targets = network().tasks.select([0])
    a, b = (r.scores(targets, [mi.task(k) for k in range(6)]).value for r in (run, again))
    assert torch.equal(a, b)
    assert not list((tmp_path / "run").glob("*.p*kl*"))


def test_an_interrupted_run_is_saved_and_goes_on(tmp_path):
    """Guards a resumed run that is another one."""

    def stop(done, *_):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted) as caught:
        train(network(), RECIPE, progress=stop)
    save(caught.value.result, tmp_path)
    again = load(tmp_path, network()).resume(progress=False)
    whole = train(network(), RECIPE, progress=False)
    assert torch.equal(again.lam, whole.lam) and again.losses == whole.losses


def test_another_problem_is_refused(tmp_path):
    """Guards derivatives of a run on data that it did not see."""
    run = train(network(), RECIPE, progress=False)
    save(run, tmp_path)
    weights = torch.ones(6, dtype=torch.float64)
    weights[0] = 2
    for other in (
        network(seed=1),
        network(outer_reg=0.5),
        network().replaced(tasks=network().tasks.reweighted(task=weights)),
        network().replaced(adaptation=mi.Unrolled(2, 0.2)),
    ):
        with pytest.raises(InvalidRecipe, match="another problem"):
            load(tmp_path, other)


def test_broken_files_are_named(tmp_path):
    """Guards a bare error of a library."""
    with pytest.raises(InvalidRecipe, match="does not hold a run"):
        load(tmp_path, network())
    save(train(network(), RECIPE, progress=False), tmp_path)
    facts = json.loads((tmp_path / "run.json").read_text())
    (tmp_path / "run.json").write_text(json.dumps({**facts, "version": 99}))
    with pytest.raises(InvalidRecipe, match="version"):
        load(tmp_path, network())
    (tmp_path / "run.safetensors").write_bytes(b"nothing")
    with pytest.raises(InvalidRecipe, match="does not hold a run"):
        load(tmp_path, network())


def test_files_of_two_runs_are_refused(tmp_path):
    """Guards states under the recipe of another run, also where only how far it went differs."""
    whole, other = tmp_path / "whole", tmp_path / "other"

    def stop(done, *_):
        if done == 5:
            raise KeyboardInterrupt

    save(train(network(), RECIPE, progress=False), whole)
    with pytest.raises(Interrupted) as caught:
        train(network(), RECIPE, progress=stop)
    save(caught.value.result, other)
    for name in ("run.json", "run.safetensors"):
        mixed = tmp_path / name
        shutil.copytree(whole, mixed)
        shutil.copy(other / name, mixed / name)
        with pytest.raises(InvalidRecipe, match="are of different runs"):
            load(mixed, network())


@pytest.mark.parametrize("replaced", [0, 1, 2])
def test_a_kill_while_writing_leaves_one_run_whole(tmp_path, monkeypatch, replaced):
    """Guards a run that is lost, or mixed, because it was saved again over itself."""
    save(train(network(), RECIPE, progress=False), tmp_path)
    longer = train(network(), Recipe(rate=0.1, steps=3), progress=False)
    replace, count = Path.replace, []

    def killed(self, to):
        if len(count) == replaced:
            raise KeyboardInterrupt
        count.append(to)
        return replace(self, to)

    monkeypatch.setattr(Path, "replace", killed)
    if replaced < 2:
        with pytest.raises(KeyboardInterrupt):
            save(longer, tmp_path)
    else:
        save(longer, tmp_path)
    assert load(tmp_path, network()).done == (3 if replaced else 8)


def test_a_file_is_no_folder(tmp_path):
    """Guards FileExistsError, and a name that no folder has."""
    (tmp_path / "f").write_text("x")
    run = train(network(), Recipe(rate=0.1, steps=1), progress=False)
    for name, words in (
        (tmp_path / "f", "can be no folder"),
        ("a" * 300, "can be no folder"),
        ("", "names no"),
    ):
        with pytest.raises(InvalidRecipe, match=words):
            save(run, name)
