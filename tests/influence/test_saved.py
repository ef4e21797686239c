"""What is written comes back, bit by bit, and reading runs nothing."""

import pickle
import sys

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

import metainfl as mi
from metainfl.errors import BrokenData, InvalidProblem, MetainflError, MissingData, NotFinite
from metainfl.oracle import small_case
from tests.helpers import assert_close
from tests.training.helpers import network


def batch(n, ways, dtype=torch.float64):
    x = torch.randn(n, 2 * ways, 3, generator=torch.Generator().manual_seed(ways), dtype=dtype)
    y = torch.arange(ways).repeat(2).expand(n, -1)
    return x, y


def same(a, b):
    return len(a.groups()) == len(b.groups()) and all(
        torch.equal(i, j) and all(map(torch.equal, (*s.view(), s.w), (*t.view(), t.w)))
        for (i, s), (j, t) in zip(a.groups(), b.groups(), strict=True)
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_tasks_with_their_weights(tmp_path, dtype):
    """Guards weights that are lost, and targets that come back in another type."""
    x, y = batch(3, 2, dtype)
    tasks = mi.Tasks(x, y, x, y, task_weight=torch.tensor([1, 0, 2.5]))
    mi.save(tmp_path / "tasks.safetensors", tasks)
    found = mi.load(tmp_path / "tasks.safetensors")
    assert (
        same(tasks, found) and found.query_y.dtype == torch.int64 and found.query_x.dtype == dtype
    )


def test_ragged_tasks(tmp_path):
    """Guards the order of tasks of different shapes."""
    parts = []
    for n in (2, 3, 2):
        x, y = batch(1, n)
        parts.append({"support_x": x[0], "support_y": y[0], "query_x": x[0], "query_y": y[0]})
    tasks = mi.Tasks.ragged(parts)
    mi.save(tmp_path / "ragged", tasks)
    found = mi.load(tmp_path / "ragged")
    assert same(tasks, found) and type(found) is type(tasks)
    assert torch.equal(found.select([1]).query_x[0], parts[1]["query_x"])


def test_explained_from_the_file_alone(tmp_path):
    """002, section 4.1: scores of new tasks from stored influences, without the training tasks."""
    case = small_case("maml_softmax")
    problem = case.problem()
    asked = [mi.task(0), mi.support(1, 0), mi.group([mi.task(0), mi.query(2, 1)])]
    stored = mi.Stored(mi.influence(problem, asked).value, asked, problem.lam)
    mi.save(tmp_path / "influences.safetensors", stored)
    found = mi.load(tmp_path / "influences.safetensors")
    assert found.perturbations == tuple(asked)
    targets = problem.tasks.select([3, 4])
    bare = problem.replaced(tasks=targets)  # the training tasks are gone
    assert_close(found.scores(bare, targets), mi.scores(problem, asked, targets).value, 1e-9)
    with pytest.raises(InvalidProblem, match="another lam"):
        found.scores(bare.replaced(lam=2 * problem.lam), targets)


def test_a_tensor_and_a_view_of_one(tmp_path):
    lam = torch.arange(12.0).reshape(3, 4).T[1]
    mi.save(tmp_path / "lam", lam)
    assert torch.equal(mi.load(tmp_path / "lam"), lam)


def test_what_is_no_value_is_told(tmp_path):
    with pytest.raises(InvalidProblem, match="a Problem cannot be saved"):
        mi.save(tmp_path / "x", network())
    with pytest.raises(MissingData, match="there is no file"):
        mi.load(tmp_path / "x")
    (tmp_path / "p").write_bytes(pickle.dumps([1]))
    with pytest.raises(BrokenData, match="was not written by"):
        mi.load(tmp_path / "p")
    mi.save(tmp_path / "lam", torch.ones(4))
    whole = (tmp_path / "lam").read_bytes()
    (tmp_path / "lam").write_bytes(whole[:-5])
    with pytest.raises(BrokenData, match="damaged"):
        mi.load(tmp_path / "lam")


def test_influences_that_do_not_fit_are_told():
    with pytest.raises(InvalidProblem, match="are \\(2, 3\\), got"):
        mi.Stored(torch.ones(1, 3), [mi.task(0), mi.task(1)], torch.ones(3))
    with pytest.raises(NotFinite, match="influence of task 1"):
        mi.Stored(torch.tensor([[1.0], [float("nan")]]), [mi.task(0), mi.task(1)], torch.ones(1))
    with pytest.raises(NotFinite, match="lam is not finite at index 1"):
        mi.Stored(torch.ones(1, 2), [mi.task(0)], torch.tensor([1.0, float("nan")]))
    with pytest.raises(InvalidProblem, match=r"made by metainfl.task"):
        mi.Stored(torch.ones(2, 1), [0, 1], torch.ones(1))
    for value, lam in (
        ([[0.0]], torch.zeros(1)),
        (torch.zeros(1, 1), [0.0]),
        (torch.zeros(1), torch.zeros(1)),
    ):
        with pytest.raises(InvalidProblem, match=r"must be a tensor \(.* of floats"):
            mi.Stored(value, [mi.task(0)], lam)


def test_places_of_a_file_that_overlap(tmp_path):
    """Guards weights that were never written, from a file that was changed."""
    parts = []
    for n in (2, 3, 2):
        x, y = batch(1, n)
        parts.append({"support_x": x[0], "support_y": y[0], "query_x": x[0], "query_y": y[0]})
    mi.save(tmp_path / "f", mi.Tasks.ragged(parts))
    with safe_open(tmp_path / "f", framework="pt") as file:
        about, tensors = file.metadata(), {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118
    tensors["1.places"] = tensors["1.places"] * 0
    save_file(tensors, tmp_path / "f", metadata=about)
    with pytest.raises(BrokenData, match="each once"):
        mi.load(tmp_path / "f")


@pytest.mark.parametrize(
    "name, words",
    [
        ("", "names no file"),
        ("a" * 300, "can be no file"),
        ("a\0b", "names no file"),
        (None, "the name of a file"),
    ],
)
def test_names_that_no_file_has(tmp_path, name, words):
    """Guards pathlib's and the system's own errors."""
    whole = name if not name else str(tmp_path / name)
    with pytest.raises(InvalidProblem, match=words):
        mi.load(whole)
    with pytest.raises(InvalidProblem, match=words if name is not None else "the order is"):
        mi.save(whole, torch.ones(2))


@pytest.mark.parametrize("places", [np.arange(4), torch.arange(4), range(4)])
def test_places_that_are_no_ints_of_python(tmp_path, places):
    """Guards whole numbers of numpy and torch that JSON does not know."""
    asked = [mi.task(k) for k in places]
    asked[-1] = mi.group([mi.query(k, k) for k in places])
    mi.save(tmp_path / "f", mi.Stored(torch.ones(4, 2), asked, torch.ones(2)))
    assert mi.load(tmp_path / "f").perturbations == tuple(asked)


def test_a_place_that_cannot_be_written_to(tmp_path, monkeypatch):
    """Guards safetensors' own error where a directory is missing, or is where the file should be."""
    with pytest.raises(MissingData, match=r"no directory .*away.* make it first"):
        mi.save(tmp_path / "away" / "lam", torch.ones(3))
    with pytest.raises(InvalidProblem, match="is a directory"):
        mi.save(tmp_path, torch.ones(3))
    mi.save(tmp_path / ("a" * 255), torch.ones(3))  # as long as a name may be

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys.modules["metainfl.influence.saved"], "save_file", full)
    with pytest.raises(MetainflError, match=r"could not be written .*has room"):
        mi.save(tmp_path / "lam", torch.ones(3))
    assert [len(p.name) for p in tmp_path.iterdir()] == [255]


@pytest.mark.parametrize(
    "value, message",
    [
        (torch.ones(3, dtype=torch.complex128), "complex128.*view_as_real"),
        (torch.eye(3).to_sparse(), "torch.sparse_coo, which .*save value.to_dense"),
        (torch.ones(3, device="meta"), "no values to save: give it values first$"),
    ],
)
def test_tensors_that_a_file_cannot_hold(tmp_path, value, message):
    """Guards bare KeyErrors and RuntimeErrors for kinds of tensors; nothing may be left behind."""
    with pytest.raises(InvalidProblem, match=message):
        mi.save(tmp_path / "x", value)
    assert not list(tmp_path.iterdir())


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
def test_a_quantized_tensor_is_told_what_to_do(tmp_path):
    """Guards advice that fails on what it is given for."""
    value = torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8)
    with pytest.raises(InvalidProblem, match=r"is quantized.*save value.dequantize\(\)$"):
        mi.save(tmp_path / "x", value)
    mi.save(tmp_path / "x", value.dequantize())
