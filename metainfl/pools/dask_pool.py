"""Independent work on a dask cluster, by its own client.

joblib's backend for dask says nothing of a task that was given up because it kills its workers, and waits for
it for ever; here that is an error with a name. What several calls share is sent once, as a task of its own:
dask makes it again where the worker that held it is gone.
"""

from __future__ import annotations

import time
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import Any

from metainfl.errors import InvalidOption, WorkerLost
from metainfl.pools.parcel import Call, Packed

LOOK = 0.01  # seconds between two looks for a result
ALONE = 60.0  # seconds without any worker after which the work is given up


@contextmanager
def cluster(address: str, jobs: int, patience: float, losses: int) -> Iterator[None]:
    """One that runs already, or one here in which a call may kill `losses` workers."""
    import dask
    from dask.distributed import Client, LocalCluster

    if address:
        try:
            client = Client(address, timeout=patience)
        except (OSError, ValueError) as error:
            raise InvalidOption(
                f"no dask scheduler answers at {address} within {patience} s ({error}); start one with `dask "
                "scheduler`, or leave the address out for a cluster here"
            ) from error
        with client:
            yield
        return
    options: dict[str, Any] = {"threads_per_worker": 1, "dashboard_address": None}
    allowed = {"distributed.scheduler.allowed-failures": losses}
    with (
        dask.config.set(allowed),
        LocalCluster(n_workers=jobs, **options) as cluster,
        Client(cluster),
    ):
        yield


def client_of(backend: Any) -> Any:
    """The client of joblib's backend where that is dask's, unless this is a dask worker itself; or None."""
    if type(backend).__name__ != "DaskDistributedBackend":
        return None
    from distributed.worker import thread_state

    return None if hasattr(thread_state, "execution_state") else backend.client


def unordered(client: Any, calls: Mapping[int, Call], total: int) -> Iterator[tuple[int, Any]]:
    """(place, result) as they come. `WorkerLost` for a call that dask gave up, or without workers."""
    from distributed import as_completed

    with _large_is_meant():
        shared = _shared(client, calls)
        places = {
            client.submit(f, *(shared.get(id(a), a) for a in args), pure=False): i
            for i, (f, args) in calls.items()
        }
    waiting = as_completed(list(places))
    try:
        while places:
            _wait(client, waiting, len(places), total)
            future = next(waiting)
            yield places.pop(future), _result(future, len(places) + 1, total)
    finally:
        client.cancel(list(places))


def _result(future: Any, left: int, total: int) -> Any:
    from distributed.scheduler import KilledWorker

    try:
        return future.result()
    except KilledWorker as error:
        raise lost(
            "dask gave up a call whose workers were killed again and again", left, total
        ) from error
    except CancelledError as error:
        raise lost("the dask scheduler dropped a call, or is gone", left, total) from error


def _wait(client: Any, waiting: Any, left: int, total: int) -> None:
    """Until there is a result; `WorkerLost` where there has been no worker for long."""
    seen = looked = time.monotonic()
    while not waiting.has_ready():
        time.sleep(LOOK)
        now = time.monotonic()
        if now - looked > 1:
            looked = now
            seen = now if client.ncores() else seen
            if now - seen > ALONE:
                raise lost(f"the cluster has had no worker for {ALONE:.0f} s", left, total)


def _shared(client: Any, calls: Mapping[int, Call]) -> dict[int, Any]:
    """id -> future, of what stands packed in more than one call."""
    every = {id(a): a for _, args in calls.values() for a in args if isinstance(a, Packed)}
    counts = Counter(id(a) for _, args in calls.values() for a in args)
    return {k: client.submit(_itself, a, pure=False) for k, a in every.items() if counts[k] > 1}


def _itself(value: Packed) -> Packed:
    return value


@contextmanager
def _large_is_meant() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sending large graph")
        yield


def lost(what: str, left: int, total: int) -> WorkerLost:
    """The error, with how much is left to do."""
    return WorkerLost(
        f"{what}, with {left} of {total} pieces of work to do (out of memory?): what is done is kept where a "
        "store is given; use fewer jobs, and call again"
    )
