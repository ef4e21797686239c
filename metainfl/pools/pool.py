"""Calls handed to the backend that is in force, and handed back as they are done."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from numbers import Integral
from typing import Any

import joblib
from joblib.externals.loky.process_executor import TerminatedWorkerError

from metainfl.errors import InvalidOption
from metainfl.numbers import said, whole
from metainfl.pools import dask_pool
from metainfl.pools.parcel import Call, parcels

__all__ = ["Call", "at_once", "backend", "checked", "ordered", "unordered"]

BACKENDS = ("loky", "dask", "ray")
PATIENCE = 10  # seconds that a scheduler has to answer
RAY_LOST = {"RayActorError", "WorkerCrashedError", "NodeDiedError"}
LOSSES = 10  # workers that may die before the work is given up


def unordered(calls: Sequence[Call], jobs: int) -> Iterator[tuple[int, Any]]:
    """(place in `calls`, result), in the order in which they are done; `jobs` at once.

    Raises `WorkerLost` after `LOSSES` workers were killed; what was handed over until then is the caller's.
    """
    return _unordered(calls, max(-(2**15), min(at_once(jobs), max(len(calls), 1))))


def at_once(jobs: Any) -> int:
    """`jobs` as a whole number that is not 0; `InvalidOption` for anything else."""
    if not isinstance(jobs, Integral) or jobs == 0:
        raise InvalidOption(
            f"jobs is how many work at once, at least 1 (or -1 for all cores), got {said(jobs)}"
        )
    return int(jobs)


def _unordered(calls: Sequence[Call], jobs: int) -> Iterator[tuple[int, Any]]:
    left = dict(enumerate(calls))
    for lost in range(LOSSES + 1):
        try:
            for i, found in _once(left, jobs, len(calls)):
                del left[i]
                yield i, found
            return
        except Exception as error:
            if not _killed(error):
                raise
            if lost == LOSSES:
                raise dask_pool.lost(
                    f"{LOSSES} worker processes were killed", len(left), len(calls)
                ) from error


def _killed(error: Exception) -> bool:
    """Whether a worker was killed, as loky and Ray say it."""
    names = {c.__name__ for c in type(error).__mro__ if c.__module__.startswith("ray.")}
    return isinstance(error, TerminatedWorkerError) or bool(names & RAY_LOST)


def ordered(calls: Sequence[Call], jobs: int) -> Iterator[Any]:
    """Results in the order of `calls`; what comes early waits."""
    waiting: dict[int, Any] = {}
    turn = 0
    for i, found in unordered(calls, jobs):
        waiting[i] = found
        while turn in waiting:
            yield waiting.pop(turn)
            turn += 1


def _once(left: dict[int, Call], jobs: int, total: int) -> Iterator[tuple[int, Any]]:
    pool = joblib.Parallel(n_jobs=jobs)
    client = dask_pool.client_of(pool._backend)
    here = client is None and pool._effective_n_jobs() == 1
    calls = dict(left) if here else parcels(left)
    if client is not None:
        yield from dask_pool.unordered(client, calls, total)
        return
    work = [joblib.delayed(_placed)(i, f, *args) for i, (f, args) in calls.items()]
    if getattr(pool._backend, "supports_return_generator", False):
        yield from joblib.Parallel(n_jobs=jobs, return_as="generator_unordered")(work)
        return
    size = max(1, pool._effective_n_jobs())  # a backend that hands over nothing before all is done
    for a in range(0, len(work), size):
        yield from pool(work[a : a + size])


def _placed(i: int, f: Callable[..., Any], *args: Any) -> tuple[int, Any]:
    return i, f(*args)


@contextmanager
def backend(name: str = "loky", jobs: int = 1) -> Iterator[None]:
    """Within, work with `jobs` above 1 is done there; `InvalidOption` for what is unknown or missing."""
    kind, address = checked(name)
    jobs = whole(jobs, "jobs", 1, error=InvalidOption)
    if kind == "loky":
        with joblib.parallel_config(backend="loky"):
            yield
    elif kind == "dask":
        with (
            dask_pool.cluster(address, jobs, PATIENCE, LOSSES),
            joblib.parallel_config(backend="dask"),
        ):
            yield
    else:
        _ray(address, jobs)
        with joblib.parallel_config(backend="ray"):
            yield


def checked(name: str) -> tuple[str, str]:
    """Kind and address of a backend that is known and installed; nothing is started."""
    kind, _, address = name.partition("=") if isinstance(name, str) else ("", "", "")
    if kind not in BACKENDS:
        got = repr(name) if isinstance(name, str) else said(name)
        raise InvalidOption(f"the backend is one of {', '.join(BACKENDS)}, got {got}")
    if address and kind == "loky":
        raise InvalidOption("loky has no address: its processes run here")
    for module, found, what in (
        ("distributed", "dask", "'metainfl[pools]'"),
        ("ray", "ray", "'metainfl[ray]'"),
    ):
        if kind == found and importlib.util.find_spec(module) is None:
            raise InvalidOption(f"{kind} is not installed: pip install {what}")
    return kind, address


def _ray(address: str, jobs: int) -> None:
    import ray
    from ray.util.joblib import register_ray

    if not ray.is_initialized():
        where = {"address": address} if address else {"num_cpus": jobs, "include_dashboard": False}
        ray.init(log_to_driver=False, **where)
    register_ray()
