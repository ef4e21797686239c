"""What a claim's methods are compared with, computed while the process in which one will run starts."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import Future
from threading import Thread

from metainfl.errors import MetainflError
from metainfl.oracle.child import Child
from metainfl.oracle.context import Context
from metainfl.oracle.gathered import PLAIN
from metainfl.oracle.outcome import Skipped
from metainfl.oracle.random_state import keep_rng
from metainfl.oracle.space import FEW
from metainfl_reference.errors import TruthError


def prepared(ctx: Context, child: Child) -> None:
    """Return when the method can be called, the cases drawn and as many truths known as there was time for.

    Raises `InvalidMethod` as `Child.prepare` does. What a case or a truth raises is left to the checks.
    """
    ready: Future[None] = Future()
    Thread(target=_wait, args=(child, ready), daemon=True).start()
    with keep_rng(), contextlib.suppress(MetainflError, TruthError, Skipped):
        ctx.space()
        for _ in _truths(ctx):
            if ready.done():
                break
    ready.result()


def _wait(child: Child, ready: Future[None]) -> None:
    try:
        child.prepare()
        ready.set_result(None)
    except BaseException as error:
        ready.set_exception(error)


def _truths(ctx: Context) -> Iterator[None]:
    """What the cases keep, a piece at a time: those of the truth check first."""
    for case, pis in [*ctx.space(*PLAIN, *FEW), *ctx.space("stiff")]:
        with contextlib.suppress(MetainflError, TruthError):
            ctx.truth(case, pis)
            yield
            ctx.measured_tolerance(case, tuple(pis))
            yield
