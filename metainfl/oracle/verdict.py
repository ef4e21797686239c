"""`check_method`: run every check, never stop at the first failure, return data.

Correctness against the declared estimand decides the verdict; the distance to exact removal (T2), and
to retraining over seeds where given (T3), are measurements.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from metainfl.errors import InvalidOption, InvalidProblem
from metainfl.methods.claim import Claim
from metainfl.oracle.arguments import looked_at
from metainfl.oracle.beforehand import prepared
from metainfl.oracle.child import MEMORY, Child
from metainfl.oracle.context import Context
from metainfl.oracle.folding import folded
from metainfl.oracle.judging import because_flat, run_one
from metainfl.oracle.measurements import Measurement, Retraining, measurements
from metainfl.oracle.outcome import Outcome
from metainfl.oracle.own.verdict import On, check_on
from metainfl.oracle.random_state import keep_rng
from metainfl.oracle.report import Report
from metainfl.oracle.reproduce import reproduction, write
from metainfl.oracle.runner import InProcess
from metainfl.oracle.runs.context import context
from metainfl.oracle.shipping import title
from metainfl.oracle.watched import Method
from metainfl.problem.files import new_folder

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
    memory: float | None = MEMORY,
    in_process: bool = False,
    reproduce: str | Path | None = None,
    retraining: Retraining | None = None,
    on: On | None = None,
    minutes: float = 5.0,
    progress: Progress = lambda done, total, what: None,
) -> Report:
    """The verdict on `method(problem, perturbations) -> (n, p)`, as a `Report`.

    `claim` defaults to the one the method carries, and that to the strictest. `families` narrows its
    domain. `checks` runs only these. `expected_failures` maps check names to reasons; they are strict:
    one that passes, an unknown name or an empty reason is an error. The method runs in one process of
    its own, started without fork, with at most `seconds` a call and `memory` GiB (None: no limit);
    `in_process` runs it here, for debuggers. `reproduce` names a folder for a runnable file a failure.
    The caller's random state is left alone; results depend on `seed` only. Whatever the method does
    ends in a report; `InvalidMethod` is raised for what cannot be called or sent to another process.

    `on` is a solved problem of your own, or (problem, targets): the method is then judged there instead, at
    that size, by laws, by its equation and by solving again, for about `minutes`; see
    `metainfl.oracle.own`. Raises `NotStationary` where its lam is no stationary point, and
    `SingularHessian` where it is no minimum of its own.
    """
    if on is not None:
        if families is not None or expected_failures or retraining or reproduce is not None:
            raise InvalidOption(
                "families, expected_failures, retraining and reproduce are about drawn problems: leave them "
                "out with on"
            )
        claim, _, _, seed, seconds, memory = looked_at(
            method, claim, None, None, None, seed, seconds, memory
        )
        own = InProcess(method) if in_process else Child(method, seed=seed, memory=memory)
        try:
            return check_on(
                method, on, claim, own, checks=checks, quick=quick, seed=seed, seconds=seconds,
                minutes=minutes, progress=progress,
            )  # fmt: skip
        finally:
            if isinstance(own, Child):
                own.close()
    claim, names, expected, seed, seconds, memory = looked_at(
        method, claim, families, checks, expected_failures, seed, seconds, memory
    )
    folder = None if reproduce is None else new_folder(reproduce, InvalidOption)
    runner = InProcess(method) if in_process else Child(method, seed=seed, memory=memory)
    try:
        ctx = context(method, claim, quick=quick, seed=seed, seconds=seconds, runner=runner)
    except BaseException:
        if isinstance(runner, Child):
            runner.close()
        raise
    outcomes: list[Outcome] = []
    measured: list[Measurement] = []
    interrupted = False
    started = time.perf_counter()
    try:
        if not ctx.families:
            raise InvalidProblem(
                "the claim's domain holds no known family; see metainfl_reference.FAMILIES"
            )
        if isinstance(runner, Child):
            if checks is None:
                prepared(ctx, runner)
            else:
                runner.prepare()
            started = time.perf_counter()
        for done, name in enumerate(names):
            progress(done, len(names), name)
            if isinstance(runner, Child) and runner.given_up:
                words = "not asked any more: the method ended its process, or had to be stopped"
                outcomes.append(Outcome(name, "skip", words))
                continue
            with keep_rng():
                outcomes.append(run_one(ctx, name, expected.get(name)))
        with keep_rng():
            outcomes = [_explained(ctx, o, outcomes) for o in outcomes]
            if not (isinstance(runner, Child) and runner.given_up):
                measured = measurements(ctx, retraining)
        progress(len(names), len(names), "done")
    except KeyboardInterrupt:  # what is done is kept
        interrupted = True
    finally:
        if isinstance(runner, Child):
            runner.close()
    taken = time.perf_counter() - started
    report = Report(
        title(method),
        claim,
        outcomes,
        measured,
        quick,
        seed,
        taken,
        interrupted,
        seconds,
        ctx.families[0],
    )
    coded = [
        replace(o, code=reproduction(method, report, o)) if o.status == "fail" else o
        for o in outcomes
    ]
    report = replace(report, outcomes=coded)
    if folder is not None:
        write(method, report, folder)
    return report


def _explained(ctx: Context, outcome: Outcome, all_of_them: Sequence[Outcome]) -> Outcome:
    """The outcome with the reason that flat directions give; for failures that lead others."""
    leads = [group[0] for group in folded(all_of_them)]
    if outcome not in leads or outcome.check.startswith("leaves_"):
        return outcome
    if getattr(ctx.runner, "given_up", False):
        return outcome
    return replace(outcome, note=because_flat(ctx, outcome))
