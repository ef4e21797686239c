"""Tasks on disk: the numbers of tasks in memory, little memory, and nothing half-written taken for whole."""

import copy
import pickle
import threading
from pathlib import Path

import pytest
import torch

import metainfl as mi
from metainfl.data import concatenated
from metainfl.derive.plan import SMALL
from metainfl.errors import BrokenData, InvalidTasks, MissingData
from metainfl.scale.on_disk import OnDisk, open_tasks, write_tasks
from metainfl.training import Recipe, train
from tests.helpers import assert_close
from tests.training.helpers import network


def piece(seed, tasks=4, dtype=torch.float64):
    return network(tasks=tasks, seed=seed, dtype=dtype).tasks


def both(folder):
    pieces = [piece(s) for s in range(3)]
    base = network()
    return base.replaced(tasks=concatenated(*pieces)), base.replaced(
        tasks=write_tasks(folder, iter(pieces))
    )


def test_the_numbers_are_those_of_memory(tmp_path):
    """Guards rows of another piece, weights that are lost, and a copy that is made from the wrong place."""
    inside, outside = both(tmp_path / "t")
    lam = inside.setting.model.current()
    assert torch.equal(inside.gradient(lam), outside.gradient(lam))
    assert torch.equal(inside.hessian(lam), outside.hessian(lam))
    recipe = Recipe(rate=0.1, steps=5, batch_size=3)
    runs = [train(p, recipe, progress=False) for p in (inside, outside)]
    assert isinstance(runs[1].program.problem.tasks, OnDisk)
    assert torch.equal(runs[0].lam, runs[1].lam)
    asked, targets = [mi.task(1), mi.support(7, 0), mi.query(11, 2)], inside.tasks.select([0])
    found = [r.scores(targets, asked).value for r in runs]
    assert torch.equal(*found)
    assert torch.equal(*(r.without(mi.task(7)).lam for r in runs))
    heavy = [
        p.replaced(tasks=p.tasks.reweighted(task=torch.arange(12.0).double()))
        for p in (inside, outside)
    ]
    assert isinstance(heavy[1].tasks, OnDisk)
    assert torch.equal(*(train(p, recipe, progress=False).lam for p in heavy))


def test_it_travels_as_a_folder(tmp_path):
    """Guards data that are sent to every worker: a pickle holds the folder's name and the weights."""
    _, outside = both(tmp_path / "t")
    tasks = outside.tasks.reweighted(task=torch.arange(12.0).double())
    sent = pickle.dumps(tasks)
    assert len(sent) < 5000 < sum(f.stat().st_size for f in (tmp_path / "t").glob("*.raw"))
    for back in (pickle.loads(sent), copy.deepcopy(tasks)):
        assert isinstance(back, OnDisk)
        for name in ("query_x", "support_y", "task_weight"):
            assert torch.equal(getattr(back, name), getattr(tasks, name))


def anonymous():
    """Bytes of this process that are no file's."""
    line = next(s for s in Path("/proc/self/status").read_text().splitlines() if "RssAnon" in s)
    return 1024 * int(line.split()[1])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_memory_does_not_hold_the_data(tmp_path):
    """Guards a clone of all tasks on the way into a run, or of all where one has a weight of 0. 320 MB of
    data; a tenth of it at most, and the run and the allocator's slack are in that. A run of 40 tasks goes
    first, for what is imported late; and the model is small enough that no way of computing its products is
    timed, wide ones among them, whose memory is theirs and not the data's."""
    draw = torch.Generator().manual_seed(0)

    def pieces():
        y = torch.eye(2).repeat_interleave(50, 0).expand(20, -1, -1)
        for _ in range(100):
            x, q = torch.randn(2, 20, 100, 200, generator=draw)
            yield mi.Tasks(x, y, q, y)

    tasks = write_tasks(tmp_path / "t", pieces())
    size = sum(f.stat().st_size for f in (tmp_path / "t").glob("*.raw"))
    assert size > 300e6
    tasks.query_weight[3, 0] = 0  # padding: it may not make a copy of everything
    net = torch.nn.Linear(200, 2)
    assert sum(p.numel() for p in net.parameters()) <= SMALL

    def whole(tasks):
        problem = mi.Problem(
            net, tasks, mi.Unrolled(1, 0.01), inner_loss=mi.cross_entropy, outer_reg=0.1, chunk=20
        )
        run = train(problem, Recipe(rate=0.01, steps=3, batch_size=4), progress=False)
        run.scores(tasks.select([0]), [mi.task(k) for k in range(tasks.n_tasks)])
        run.problem().gradient(run.lam)

    whole(tasks.select(list(range(40))))
    before, most, done = anonymous(), [0], threading.Event()

    def watch():
        while not done.wait(0.005):
            most[0] = max(most[0], anonymous())

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        whole(tasks)
    finally:
        done.set()
        watching.join()
    grown = (most[0] - before) / size
    assert grown < 0.1


def test_what_is_not_whole_is_refused(tmp_path):
    """Guards a folder whose writing was cut short, files of another size, and pieces that differ."""
    with pytest.raises(MissingData, match="write_tasks"):
        open_tasks(tmp_path)
    with pytest.raises(InvalidTasks, match="piece 1 has other shapes"):
        write_tasks(tmp_path / "a", [piece(0), piece(1, dtype=torch.float32)])
    with pytest.raises(MissingData):
        open_tasks(tmp_path / "a")
    with pytest.raises(InvalidTasks, match="no piece"):
        write_tasks(tmp_path / "b", [])
    tasks = write_tasks(tmp_path / "c", [piece(0)])
    with pytest.raises(InvalidTasks, match="already"):
        write_tasks(tmp_path / "c", [piece(0)])
    with pytest.raises(InvalidTasks, match="into memory"):
        train(network().replaced(tasks=tasks), Recipe(rate=0.1, steps=1, dtype="float32"))


def spoilt(name, change):
    def spoil(folder):
        path = folder / name
        path.write_bytes(change(path.read_bytes()))

    return spoil


def float64(value):
    return torch.tensor([value], dtype=torch.float64).numpy().tobytes()


SPOILT = {
    "cut": (spoilt("query_x.raw", lambda b: b[:100]), "query_x.raw is 100 bytes long, not"),
    "longer": (spoilt("support_x.raw", lambda b: b + b[:8]), "support_x.raw is [0-9]+ bytes long, not"),
    "longer by a task": (spoilt("task_weight.raw", lambda b: b + b[:8]), "task_weight.raw is 40 bytes"),
    "missing": (lambda f: (f / "query_y.raw").unlink(), "query_y.raw is missing"),
    "a negative weight": (
        spoilt("task_weight.raw", lambda b: float64(-1.0) + b[8:]), r"task_weight at \[0\] is -1",
    ),
    "a weight of NaN": (
        spoilt("query_weight.raw", lambda b: b[:8] + float64(float("nan")) + b[16:]),
        r"query_weight at \[0, 1\] is nan",
    ),
    "fewer tasks": (spoilt("tasks.json", lambda b: b.replace(b'"tasks": 4', b'"tasks": 3')), "bytes long"),
    "no number of tasks": (
        spoilt("tasks.json", lambda b: b.replace(b'"tasks": 4', b'"tasks": -4')), "-4 tasks of",
    ),
    "a field less": (spoilt("tasks.json", lambda b: b.replace(b"query_weight", b"weight")), "4 tasks of"),
    "a list": (spoilt("tasks.json", lambda b: b"[1]"), "tasks.json: "),
    "no JSON": (spoilt("tasks.json", lambda b: b[:20]), "tasks.json: "),
    "objects": (spoilt("tasks.json", lambda b: b.replace(b"float64", b"object")), "a field of object"),
}  # fmt: skip


@pytest.mark.parametrize("spoil, words", SPOILT.values(), ids=SPOILT)
def test_files_that_are_others_are_refused(spoil, words, tmp_path):
    """Guards numbers of another field or task, and weights that no `Tasks` would take."""
    write_tasks(tmp_path / "t", [piece(0)])
    spoil(tmp_path / "t")
    with pytest.raises(
        BrokenData, match=f"as write_tasks leaves them: .*{words}.*Write them again"
    ):
        open_tasks(tmp_path / "t")


def test_a_thorough_look_compares_the_numbers(tmp_path):
    """Guards a number that was changed in place: nothing but reading all of them sees it."""
    write_tasks(tmp_path / "t", [piece(0), piece(1)])
    assert open_tasks(tmp_path / "t", thorough=True).n_tasks == 8
    spoilt("query_x.raw", lambda b: b[:-8] + float64(0.5))(tmp_path / "t")
    assert open_tasks(tmp_path / "t").n_tasks == 8
    with pytest.raises(BrokenData, match=r"the numbers in query_x\.raw are not those"):
        open_tasks(tmp_path / "t", thorough=True)


def test_single_level_tasks_have_no_support(tmp_path):
    """Guards empty fields, which no file can be mapped for."""
    p = piece(0)
    single = mi.Tasks(p.support_x[:, :0], p.support_y[:, :0], p.query_x, p.query_y)
    back = write_tasks(tmp_path / "s", [single, single])
    assert back.support_x.shape == (8, 0, 5) and back.n_tasks == 8
    assert_close(back.query_x[4:], p.query_x, 0)
