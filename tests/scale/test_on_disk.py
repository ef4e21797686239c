"""Tasks on disk: the numbers of tasks in memory, little memory, and nothing half-written taken for whole."""

import copy
import pickle
import threading
from pathlib import Path

import pytest
import torch

import metainfl as mi
from metainfl.data import concatenated
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
    data; a quarter of it at most, and the model, the run and the allocator's slack are in that."""
    draw = torch.Generator().manual_seed(0)

    def pieces():
        y = torch.eye(2).repeat_interleave(5, 0).expand(20, -1, -1)
        for _ in range(100):
            x, q = torch.randn(2, 20, 10, 2000, generator=draw)
            yield mi.Tasks(x, y, q, y)

    tasks = write_tasks(tmp_path / "t", pieces())
    size = sum(f.stat().st_size for f in (tmp_path / "t").glob("*.raw"))
    assert size > 300e6
    tasks.query_weight[3, 0] = 0  # padding: it may not make a copy of everything
    net = torch.nn.Linear(2000, 2)
    problem = mi.Problem(
        net, tasks, mi.Unrolled(1, 0.01), inner_loss=mi.cross_entropy, outer_reg=0.1, chunk=20
    )
    before, most, done = anonymous(), [0], threading.Event()

    def watch():
        while not done.wait(0.005):
            most[0] = max(most[0], anonymous())

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        run = train(problem, Recipe(rate=0.01, steps=3, batch_size=4), progress=False)
        run.scores(tasks.select([0]), [mi.task(k) for k in range(2000)])
        run.problem().gradient(run.lam)
    finally:
        done.set()
        watching.join()
    grown = (most[0] - before) / size
    assert grown < 0.25


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
    with (tmp_path / "c" / "query_x.raw").open("r+b") as file:
        file.truncate(100)
    with pytest.raises(BrokenData, match="as write_tasks leaves them"):
        open_tasks(tmp_path / "c")


def test_single_level_tasks_have_no_support(tmp_path):
    """Guards empty fields, which no file can be mapped for."""
    p = piece(0)
    single = mi.Tasks(p.support_x[:, :0], p.support_y[:, :0], p.query_x, p.query_y)
    back = write_tasks(tmp_path / "s", [single, single])
    assert back.support_x.shape == (8, 0, 5) and back.n_tasks == 8
    assert_close(back.query_x[4:], p.query_x, 0)
