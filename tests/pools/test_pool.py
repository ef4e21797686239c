"""Pools: the same numbers wherever the work is done, and nothing lost when workers are killed."""

import os
import signal
import threading

import joblib
import numpy as np
import pytest

from metainfl.errors import InvalidOption, WorkerLost
from metainfl.pools import backend, ordered, pool, unordered


def square(x):
    return x * x


def killed_once(folder, x):
    """Kills its own process the first time that it is asked for x."""
    mark = folder / f"{x}"
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return x * x


def always_killed(x):
    os.kill(os.getpid(), signal.SIGKILL)


CALLS = [(square, (x,)) for x in range(7)]
WANT = [x * x for x in range(7)]


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_in_both_orders(jobs):
    assert dict(unordered(CALLS, jobs)) == dict(enumerate(WANT))
    assert list(ordered(CALLS, jobs)) == WANT
    assert list(ordered([], jobs)) == []


@pytest.mark.slow
def test_ten_killed_workers_lose_nothing(tmp_path):
    """Guards a pool that is broken for good, or work that is done twice over, once a worker is gone."""
    done = {x for x in range(30) if x >= 10}
    for x in done:
        (tmp_path / f"{x}").touch()
    calls = [(killed_once, (tmp_path, x)) for x in range(30)]
    found = dict(unordered(calls, 2))
    assert found == {x: x * x for x in range(30)}


@pytest.mark.slow
def test_work_that_always_kills_is_given_up(monkeypatch):
    monkeypatch.setattr(pool, "LOSSES", 1)
    with pytest.raises(WorkerLost, match="1 worker processes were killed"):
        list(unordered([(always_killed, (0,)), (always_killed, (1,))], 2))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_cluster_of_two_processes_gives_the_same():
    pytest.importorskip("distributed")
    with backend("dask", jobs=2):
        assert (
            joblib.parallel.get_active_backend()[0].__class__.__name__ == "DaskDistributedBackend"
        )
        assert list(ordered(CALLS, 2)) == WANT
        assert dict(unordered(CALLS, 2)) == dict(enumerate(WANT))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_games_values_on_a_cluster():
    """Guards a game that knows only its own processes."""
    pytest.importorskip("distributed")
    from metainfl.games import Utility

    weights = np.array([1.0, 2.0, 4.0])
    masks = np.array([[0, 0, 0], [1, 0, 1], [1, 1, 1]], dtype=bool)
    with backend("dask", jobs=2):
        got = Utility(weights.dot, 3, jobs=2).many(masks)
    assert np.array_equal(got, masks @ weights)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore")
def test_on_a_cluster_killed_workers_lose_nothing_and_the_work_is_given_up(tmp_path, monkeypatch):
    """Guards a call that waits for ever for a task that dask gave up because it kills every worker."""
    pytest.importorskip("distributed")
    monkeypatch.setattr(pool, "LOSSES", 2)
    (tmp_path / "0").touch()
    with backend("dask", jobs=2):
        calls = [(killed_once, (tmp_path, x)) for x in range(2)] + CALLS[2:]
        assert dict(unordered(calls, 2)) == dict(enumerate(WANT))
        done = []
        with pytest.raises(WorkerLost, match=r"dask gave up a call .*, with [12] of 2 pieces"):
            done.extend(unordered([(square, (3,)), (always_killed, (0,))], 2))
        assert done in ([], [(0, 9)])  # it may have waited on a worker that was killed
        assert list(ordered(CALLS, 2)) == WANT  # the cluster goes on


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore")
def test_on_ray_work_that_always_kills_is_given_up(monkeypatch):
    """Guards Ray's own error, ten lines long, at the first worker that is killed."""
    ray = pytest.importorskip("ray")
    monkeypatch.setattr(pool, "LOSSES", 1)
    try:
        with backend("ray", jobs=2):
            assert list(ordered(CALLS, 2)) == WANT
            with pytest.raises(WorkerLost, match="1 worker processes were killed, with"):
                list(unordered([(square, (3,)), (always_killed, (0,))], 2))
    finally:
        ray.shutdown()


class Large:
    """Something that is sent; it counts how often."""

    sent = 0

    def __reduce__(self):
        Large.sent += 1
        return Large, ()


def kind_of(large, x):
    return type(large).__name__, x


def fails(x):
    raise ArithmeticError(f"no {x}")


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore")
def test_on_a_cluster_what_is_shared_is_sent_once():
    """Guards a run that travels once for each of its removals; errors come through as they are."""
    pytest.importorskip("distributed")
    large = Large()
    with backend("dask", jobs=2):
        found = dict(unordered([(kind_of, (large, x)) for x in range(9)], 2))
        assert found == {x: ("Large", x) for x in range(9)} and Large.sent == 1
        with pytest.raises(ArithmeticError, match="no 4"):
            list(unordered([(fails, (4,)), (fails, (4,))], 2))
        some = unordered([(square, (x,)) for x in range(50)], 2)
        next(some)
        some.close()  # what is left is not done
        assert list(ordered(CALLS, 2)) == WANT


def test_backends_that_are_not_there_are_refused():
    with pytest.raises(InvalidOption, match="one of loky, dask, ray"), backend("slurm"):
        pass
    with pytest.raises(InvalidOption, match="no address"), backend("loky=tcp://here:1"):
        pass


@pytest.mark.filterwarnings("ignore")
def test_a_scheduler_that_does_not_answer_is_told(monkeypatch):
    """Guards thirty lines of another library's complaint."""
    pytest.importorskip("distributed")
    monkeypatch.setattr(pool, "PATIENCE", 1)
    told = pytest.raises(InvalidOption, match="no dask scheduler answers at tcp")
    with told, backend("dask=tcp://127.0.0.1:9"):
        pass


def asked(what):
    return what.__name__


def test_modules_of_a_class_of_their_own_travel_and_what_cannot_is_named():
    """Guards a loss that closes over metainfl, which is such a module."""
    import metainfl as mi

    def closing(x):
        return mi.__name__, x

    both = [(asked, (mi,)), (asked, (closing,))]
    assert list(ordered(both, 2)) == ["metainfl", "closing"]
    with pytest.raises(InvalidOption, match=r"a lock cannot be .*leave jobs at 1"):
        list(ordered([(asked, (threading.Lock(),)), (square, (2,))], 2))
