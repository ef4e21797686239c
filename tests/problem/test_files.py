"""Names of files and folders: whoever takes one refuses what is none by name, before any work."""

from pathlib import Path

import numpy as np
import pytest
import torch

import metainfl as mi
from metainfl import training
from metainfl.attribution import attribute, example
from metainfl.attribution.edit import without
from metainfl.data import read, read_cifar10, read_mnist, read_omniglot, read_tabular
from metainfl.errors import MetainflError
from metainfl.experiments import reproduce
from metainfl.experiments.results import results
from metainfl.games import Utility
from metainfl.oracle import check_method
from metainfl.problem.files import new_folder, place, written
from metainfl.scale.on_disk import open_tasks, write_tasks
from metainfl.scale.streamed import streamed

ODD = {
    "a number": 3,
    "a truth value": True,
    "bytes": b"x",
    "a list": ["a"],
    "NaN": float("nan"),
    "a tensor": torch.ones(2),
    "an array": np.array(["d"]),
    "a function": len,
    "a zero byte": "a\0b",
    "5000 letters": "a" * 5000,
}


@pytest.fixture(scope="module")
def run():
    x = torch.randn(3, 4, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    tasks = mi.Tasks(
        x, torch.tensor([[0, 1, 0, 1]]).expand(3, 4), x, torch.tensor([[1, 0, 0, 1]]).expand(3, 4)
    )
    model = torch.nn.Linear(2, 2, dtype=torch.float64)
    problem = mi.Problem(
        model, tasks, mi.Unrolled(1, 0.1), inner_loss=mi.cross_entropy, outer_reg=0.1
    )
    return training.train(problem, training.Recipe(rate=0.1, steps=2), progress=False)


def takers(run, tmp_path):
    """Every public function that takes a path, of that path alone."""
    tasks = run.program.problem.tasks
    question = example("digits")
    return {
        "mi.save": lambda o: mi.save(o, tasks),
        "mi.load": mi.load,
        "training.save": lambda o: training.save(run, o),
        "training.load": lambda o: training.load(o, run.program.problem),
        "replay_many": lambda o: run.replay_many([mi.task(0)], store=o),
        "attribute": lambda o: attribute(question, store=o),
        "without": lambda o: without(question, [mi.task(0)], store=o),
        "example": lambda o: example("omniglot", o),
        "read": lambda o: read("mnist", o),
        "read_omniglot": read_omniglot,
        "read_mnist": read_mnist,
        "read_cifar10": read_cifar10,
        "read_tabular": lambda o: read_tabular(o, table="adult"),
        "write_tasks": lambda o: write_tasks(o, [tasks]),
        "open_tasks": open_tasks,
        "streamed": lambda o: streamed(run, [mi.task(0)], tasks, o),
        "Utility": lambda o: Utility(sum, 3, store=o, identity="a"),
        "reproduce": lambda o: reproduce("001-table1", out=o),
        "its data": lambda o: reproduce("001-table1", out=tmp_path, data=o, seeds=1),
        "results": results,
        "check_method": lambda o: check_method(mi.influence, reproduce=o),
    }


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_no_path_is_refused_by_every_function_that_takes_one(run, tmp_path, odd, monkeypatch):
    """Guards Python's own error from deep inside, and hours of work that end in one."""
    monkeypatch.chdir(tmp_path)
    for name, call in takers(run, tmp_path).items():
        with pytest.raises(MetainflError) as caught:
            call(odd)
        assert len(str(caught.value)) > 20, name
    assert not list(tmp_path.iterdir())


def test_what_is_a_path(tmp_path, monkeypatch):
    """Guards a refusal of "." and of a home, which are folders."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert place(".").resolve() == tmp_path.resolve()
    assert place("~/a") == tmp_path / "a"
    assert new_folder(Path("b/c")).is_dir()
    written("b/d", "text")
    assert (tmp_path / "b/d").read_text() == "text"
    for wrong in ("b/d/e", "no/such/folder/e", "b"):
        with pytest.raises(mi.errors.InvalidProblem, match=r"cannot be written|can be no file"):
            written(wrong, "text")
    with pytest.raises(mi.errors.InvalidProblem, match="can be no folder to write into"):
        new_folder("b/d")
