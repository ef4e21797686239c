"""`check_method`: run every check, never stop at the first failure, return data.

Correctness against the declared estimand decides the verdict; the distance to exact removal (T2), and
to retraining over seeds where given (T3), are measurements.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from metainfl.errors import InvalidProblem
from metainfl.methods.claim import Claim, claim_of
from metainfl.oracle.checks import CHECKS
from metainfl.oracle.context import Context
from metainfl.oracle.measurements import Measurement, Retraining, measurements
from metainfl.oracle.outcome import Failed, Outcome, Skipped
from metainfl.oracle.report import Report
from metainfl.oracle.runner import Method, keep_rng
from metainfl_reference.errors import NotCertified

Progress = Callable[[int, int, str], None]


def check_method(
    method: Method,
    *,
    claim: Claim | None = None,
    families: Sequence[str] | None = None,
    checks: Sequence[str] | None = None,
    expected_failures: Mapping[str, str] | None = None,
    quick: bool = False,
    seed: int = 0,
    seconds: float = 60.0,
    retraining: Retraining | None = None,
    progress: Progress = lambda done, total, what: None,
) -> Report:
    """The verdict on `method(problem, perturbations) -> (n, p)`, as a `Report`.

    `claim` defaults to the one the method carries, and that to the strictest. `families` narrows its
    domain. `checks` runs only these. `expected_failures` maps check names to reasons; they are strict:
    one that passes, an unknown name or an empty reason is an error. `seconds` limits each call.
    The caller's random state is left alone; results depend on `seed` only.
    """
    claim = claim or claim_of(method)
    if families is not None:
        claim = replace(claim, families=tuple(families))
    expected = dict(expected_failures or {})
    names = list(CHECKS) if checks is None else list(checks)
    known(names, expected)
    if not callable(method):
        raise InvalidProblem(f"a method is a callable, got {type(method).__name__}")
    ctx = Context(method, claim, quick=quick, seed=seed, seconds=seconds)
    if not ctx.families:
        raise InvalidProblem(
            "the claim's domain holds no known family; see metainfl_reference.FAMILIES"
        )
    outcomes: list[Outcome] = []
    started = time.perf_counter()
    measured: list[Measurement] = []
    interrupted = False
    try:
        for done, name in enumerate(names):
            progress(done, len(names), name)
            with keep_rng():
                outcomes.append(run_one(ctx, name, expected.get(name)))
        with keep_rng():
            measured = measurements(ctx, retraining)
        progress(len(names), len(names), "done")
    except KeyboardInterrupt:  # what is done is kept
        interrupted = True
    title = str(getattr(method, "name", None) or getattr(method, "__name__", method))
    seconds_taken = time.perf_counter() - started
    return Report(title, claim, outcomes, measured, quick, seed, seconds_taken, interrupted)


def run_one(ctx: Context, name: str, expected: str | None = None) -> Outcome:
    """One check's outcome; a stale expected failure is a failure."""
    try:
        CHECKS[name].run(ctx)
        outcome = Outcome(name, "pass")
    except Skipped as reason:
        return Outcome(name, "skip", str(reason))
    except Failed as failure:
        outcome = Outcome(name, "fail", failure.message, **failure.found)
    except NotCertified as error:
        return Outcome(name, "skip", f"no certified truth here: {error}")
    if expected is None:
        return outcome
    if outcome.status == "pass":
        return Outcome(name, "fail", f"expected to fail ({expected}) but passes: remove the entry")
    return replace(outcome, status="xfail", message=f"{expected} [{outcome.message}]")


def known(names: Sequence[str], expected: Mapping[str, str]) -> None:
    """Raise `InvalidProblem` for unknown checks and for expected failures without a reason."""
    for name in (*names, *expected):
        if name not in CHECKS:
            raise InvalidProblem(f"unknown check {name!r}; known: {', '.join(CHECKS)}")
    for name, reason in expected.items():
        if not str(reason).strip():
            raise InvalidProblem(f"the expected failure {name!r} needs a reason")
