"""Scores on disk: the numbers of memory, block by block, resumed where they were left."""

import numpy as np
import pytest
import torch

import metainfl as mi
from metainfl.errors import InvalidOption, SetAside
from metainfl.oracle import small_case
from metainfl.scale import streamed as room
from metainfl.scale.streamed import streamed
from metainfl.training import SGD, Recipe, train


def subjects():
    problem = small_case("maml_softmax", 1).problem()
    recipe = Recipe(optimiser=SGD(momentum=0.5), rate=0.05, steps=5, batch_size=2)
    start = torch.zeros(problem.n_meta, dtype=torch.float64)
    return {"problem": problem, "run": train(problem, recipe, start=start, progress=False)}


PIS = [mi.task(0), mi.query(1, 0), mi.support(2, 1)]


@pytest.mark.parametrize("kind", ["problem", "run"])
@pytest.mark.parametrize("block", [1, 2, 100])
def test_the_file_holds_what_memory_would(kind, block, tmp_path):
    subject = subjects()[kind]
    own = subject if kind == "problem" else subject.program.problem
    targets = own.tasks
    if kind == "problem":
        want = mi.scores(subject, PIS, targets).value
    else:
        want = subject.scores(targets, PIS).value
    got = streamed(subject, PIS, targets, tmp_path / "s.npy", block=block)
    assert got.shape == (3, targets.n_tasks) and not got.flags.writeable
    assert np.abs(got - want.numpy()).max() <= 1e-13 * float(want.abs().max())
    raw = np.load(tmp_path / "s.npy", mmap_mode="r")
    assert raw.shape == (targets.n_tasks, 3) and raw.dtype == np.float64


def test_a_killed_call_goes_on(tmp_path, monkeypatch):
    """Guards work that is done again, and rows that were never written."""
    run = subjects()["run"]
    targets, asked = run.program.problem.tasks, []
    plain = room._of

    def counted(subject, pis, some, how):
        if len(asked) == 2:
            raise KeyboardInterrupt
        asked.append(some.n_tasks)
        return plain(subject, pis, some, how)

    monkeypatch.setattr(room, "_of", counted)
    with pytest.raises(KeyboardInterrupt):
        streamed(run, PIS, targets, tmp_path / "s.npy", block=1)
    monkeypatch.setattr(room, "_of", plain)
    got = streamed(run, PIS, targets, tmp_path / "s.npy", block=1)
    assert asked == [1, 1]
    assert np.allclose(got, run.scores(targets, PIS).value.numpy(), rtol=1e-12)


def test_another_question_is_refused(tmp_path):
    run, problem = subjects()["run"], subjects()["problem"]
    path = tmp_path / "s.npy"
    targets = problem.tasks
    streamed(run, PIS, targets, path)
    for other in (
        lambda: streamed(problem, PIS, targets, path),
        lambda: streamed(run, PIS[:2], targets, path),
        lambda: streamed(run, PIS, targets.select([0, 1]), path),
        lambda: streamed(run.replay({mi.task(0): 0.5}), PIS, targets, path),
    ):
        with pytest.raises(InvalidOption, match="another run, problem"):
            other()
    other = tmp_path / "of_problem.npy"
    streamed(problem, PIS, targets, other)
    rate = problem.adaptation.rate
    changed = problem.replaced(adaptation=mi.Unrolled(problem.adaptation.steps, 0.5 * rate))
    with pytest.raises(
        InvalidOption, match="another run, problem"
    ):  # the same lam, another learner
        streamed(changed, PIS, targets, other, allow_nonstationary=True)
    (tmp_path / "mine.npy").write_text("mine")
    with pytest.raises(InvalidOption, match="was not begun"):
        streamed(run, PIS, targets, tmp_path / "mine.npy")
    with pytest.raises(InvalidOption, match="takes no damping"):
        streamed(run, PIS, targets, tmp_path / "other.npy", damping=1.0)


def cut(path):
    path.write_bytes(path.read_bytes()[:-8])


def longer(path):
    path.write_bytes(path.read_bytes() + b"12345678")


def replaced(path):
    np.save(path, np.zeros_like(np.load(path)))


def transposed(path):
    np.save(path, np.load(path).T.copy())


def narrower(path):
    np.save(path, np.load(path).astype(np.float32))


def changed(path):
    rows = np.load(path)
    rows[1, 2] += 1e-9
    np.save(path, rows)


def text(path):
    path.write_text("mine")


def emptied(path):
    path.write_bytes(b"")


@pytest.mark.parametrize(
    "spoil", [cut, longer, replaced, transposed, narrower, changed, text, emptied]
)
@pytest.mark.parametrize("whole", [True, False])
def test_a_file_that_is_another_is_refused(spoil, whole, tmp_path, monkeypatch):
    """Guards scores of zero, of other targets, or of another file, handed on as those that were asked for."""
    problem, path = subjects()["problem"], tmp_path / "s.npy"
    plain, asked = room._of, []

    def stopped(*given):
        if len(asked) == 2:
            raise KeyboardInterrupt
        asked.append(1)
        return plain(*given)

    if whole:
        streamed(problem, PIS, problem.tasks, path, block=1)
    else:
        monkeypatch.setattr(room, "_of", stopped)
        with pytest.raises(KeyboardInterrupt):
            streamed(problem, PIS, problem.tasks, path, block=1)
        monkeypatch.setattr(room, "_of", plain)
    spoil(path)
    with pytest.warns(SetAside, match=r"s\.npy cannot be read .*set aside as s\.npy\.aside"):
        got = streamed(problem, PIS, problem.tasks, path, block=1)
    assert np.allclose(got, mi.scores(problem, PIS, problem.tasks).value.numpy(), rtol=1e-12)


@pytest.mark.parametrize("written", ["[]", "{", '{"question": "x", "done": 2}', '{"blocks": 3}'])
def test_a_progress_file_that_is_none_is_told(written, tmp_path):
    problem, path = subjects()["problem"], tmp_path / "s.npy"
    streamed(problem, PIS, problem.tasks, path)
    (tmp_path / "s.npy.progress").write_text(written)
    with pytest.raises(InvalidOption, match=r"delete it"):
        streamed(problem, PIS, problem.tasks, path)


def test_precision_is_lost_only_where_asked(tmp_path):
    problem = subjects()["problem"]
    got = streamed(problem, PIS, problem.tasks, tmp_path / "s.npy", dtype="float32")
    assert got.dtype == np.float32
    want = mi.scores(problem, PIS, problem.tasks).value.numpy()
    assert 0 < np.abs(got - want).max() < 1e-6 * np.abs(want).max()


@pytest.mark.parametrize("kind", ["problem", "run"])
def test_a_call_killed_in_its_first_block_goes_on(kind, tmp_path, monkeypatch):
    """Guards a file of one's own call that is taken for somebody else's."""
    subject = subjects()[kind]
    targets = (subject if kind == "problem" else subject.program.problem).tasks
    plain = room._of

    def stop(*args):
        raise KeyboardInterrupt

    path = tmp_path / "new" / "s.npy"
    monkeypatch.setattr(room, "_of", stop)
    with pytest.raises(KeyboardInterrupt):
        streamed(subject, PIS, targets, path, block=1)
    monkeypatch.setattr(room, "_of", plain)
    got = streamed(subject, PIS, targets, path, block=1)
    assert np.array_equal(got, streamed(subject, PIS, targets, tmp_path / "whole.npy", block=1))


def test_a_cut_file_is_set_aside(tmp_path):
    """Guards a bare error of numpy, and numbers of a file that is not whole."""
    run = subjects()["run"]
    targets, path = run.program.problem.tasks, tmp_path / "s.npy"
    want = np.array(streamed(run, PIS, targets, path))
    data = path.read_bytes()
    for cut in (b"", data[:20], data[:-8]):
        path.write_bytes(cut)
        with pytest.warns(SetAside, match=r"s\.npy cannot be read"):
            got = streamed(run, PIS, targets, path)
        assert np.array_equal(got, want) and path.read_bytes() == data
    beside = tmp_path / "s.npy.progress"
    for text in ("[]", '{"question": '):
        beside.write_text(text)
        with pytest.raises(InvalidOption, match=r"s\.npy\.progress cannot be read"):
            streamed(run, PIS, targets, path)
