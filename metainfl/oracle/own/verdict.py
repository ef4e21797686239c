"""`check_method(method, on=problem)`: the report on one's own model and data, at their size."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from metainfl.derive.problem import Problem
from metainfl.errors import InvalidOption, MetainflError
from metainfl.methods.claim import Claim
from metainfl.numbers import POSITIVE, real, said
from metainfl.oracle.child import Child
from metainfl.oracle.measure import distance, spearman
from metainfl.oracle.measurements import Measurement
from metainfl.oracle.outcome import Failed, Outcome, Skipped
from metainfl.oracle.own.checks import OWN
from metainfl.oracle.own.context import KNOWN, OwnContext
from metainfl.oracle.own.minimum import require_minimum
from metainfl.oracle.random_state import keep_rng
from metainfl.oracle.report import Report
from metainfl.oracle.runner import Runner
from metainfl.oracle.shipping import title
from metainfl.oracle.watched import Method
from metainfl.problem.tasks import Tasks
from metainfl.problem.weights import weight

FOLLOWED = 2000  # parameters up to which removals are followed, with the Hessian as a matrix
On = Problem | tuple[Problem, Tasks]
UNSEEN = {
    "certified_truth": "an own problem has no certified answer: solving again is as good as the solver; "
    "certified ones are asked without --on",
    "other_problems": "sizes, weights, ragged tasks, conditioning and precision are this problem's alone, so "
    "a method that is wrong elsewhere passes here; they are varied without --on",
}


NONE_OF = "claimed, and none were asked: this problem has too few tasks, or inputs of ragged tasks"


@dataclass(frozen=True)
class OwnReport(Report):
    """As `Report`, of the checks that can be made on any problem."""

    known: ClassVar[Any] = OWN

    @property
    def untrue(self) -> bool:
        """Whether checks of the truth were wanted, and none of them could say anything."""
        truth = [
            o.status for o in self.outcomes if o.check in OWN and OWN[o.check].group == "truth"
        ]
        return bool(truth) and all(status == "skip" for status in truth)

    @property
    def passed(self) -> bool:
        """As `Report.passed`, and its values were held against a truth where that was wanted."""
        return super().passed and not self.untrue

    @property
    def verdict(self) -> str:
        """One line."""
        if self.untrue and super().passed:
            return f"not judged: no value could be held against a truth ({self.claim}): see below"
        return super().verdict


def check_on(
    method: Method,
    on: On,
    claim: Claim,
    runner: Runner,
    *,
    checks: Sequence[str] | None,
    quick: bool,
    seed: int,
    seconds: float,
    minutes: float,
    progress: Callable[[int, int, str], None],
) -> Report:
    """Every check within `minutes`; what cannot be said of an own problem stands at the end as skipped.

    Raises `NotStationary` where lam is not stationary, `SingularHessian` where it is no minimum of its own,
    since no derivative of it exists there, and `InvalidOption` for what is no problem, and for estimands that
    solving again does not give.
    """
    problem, targets = looked_at(on, claim)
    minutes = real(minutes, "minutes", POSITIVE, InvalidOption)
    names = list(OWN) if checks is None else list(checks)
    for name in names:
        if name not in OWN:
            raise InvalidOption(
                f"unknown check {name!r} of an own problem; known: {', '.join(OWN)}"
            )
    problem.check_stationary()
    require_minimum(problem)
    ctx = OwnContext(
        problem, targets, claim, runner, quick=quick, seed=seed, seconds=seconds, minutes=minutes
    )
    started, interrupted = time.perf_counter(), False
    outcomes: list[Outcome] = []
    measured: list[Measurement] = []
    try:
        if isinstance(runner, Child):
            runner.prepare()
        for done, name in enumerate(names):
            progress(done, len(names), name)
            with keep_rng():
                outcomes.append(_one(ctx, name))
        with keep_rng():
            measured = _usefulness(ctx)
        progress(len(names), len(names), "done")
    except KeyboardInterrupt:  # what is done is kept
        interrupted = True
    if checks is None:
        outcomes += [Outcome(n, "skip", words) for n, words in UNSEEN.items()]
        outcomes += [Outcome(k, "skip", NONE_OF) for k in ctx.unasked]
    taken = time.perf_counter() - started
    return OwnReport(
        title(method), claim, outcomes, measured, quick, seed, taken, interrupted, seconds
    )


def looked_at(on: Any, claim: Claim) -> tuple[Problem, Tasks | None]:
    """The problem, and the targets where the claim is about some."""
    problem, targets = on if isinstance(on, tuple) and len(on) == 2 else (on, None)
    if not isinstance(problem, Problem) or not isinstance(targets, Tasks | None):
        raise InvalidOption(
            f"on is a solved metainfl.Problem, or (problem, targets); got {said(on)}"
        )
    if claim.estimand not in KNOWN:
        raise InvalidOption(
            f"on an own problem {', '.join(KNOWN)} can be judged, not {claim.estimand}: leave out on"
        )
    if claim.estimand == "removal" and problem.n_meta > FOLLOWED:
        raise InvalidOption(
            f"removals are followed with the Hessian as a matrix, up to {FOLLOWED} parameters; this "
            f"problem has {problem.n_meta}: claim derivative or score"
        )
    if claim.accuracy == "rank":
        raise InvalidOption(
            "few perturbations are solved again on an own problem, too few for ranks: claim a relative "
            "tolerance, accuracy=0.1 say"
        )
    if claim.estimand == "score" and targets is None:
        raise InvalidOption("a score is of targets: give on=(problem, targets)")
    return problem, targets


def _one(ctx: OwnContext, name: str) -> Outcome:
    try:
        ctx.in_time()
        OWN[name].run(ctx)
    except Skipped as reason:
        return Outcome(name, "skip", str(reason))
    except Failed as failure:
        return Outcome(name, "fail", failure.message, **failure.found)
    except MetainflError as error:  # of the problem, not of the method
        return Outcome(name, "skip", f"could not be looked at here: {error}")
    except Exception as error:
        words = f"the oracle itself stopped here, please report it: {type(error).__name__}: {error}"
        return Outcome(name, "skip", words, cause="oracle")
    return Outcome(name, "pass")


def _usefulness(ctx: OwnContext) -> list[Measurement]:
    """First-order shifts beside exact removals, for derivatives, as far as the time goes."""
    if ctx.claim.estimand != "derivative" or ctx.problem.n_meta > FOLLOWED:
        return []
    one = [i for i in ctx.few if ctx.pis[i].kind in ("task", "support", "query")]
    found: dict[int, np.ndarray] = {}
    with contextlib.suppress(Skipped, Failed):
        rows = ctx.ask(ctx.pis)
        for i in one:
            with contextlib.suppress(MetainflError), ctx.within():  # this one ends the minimum
                found[i] = ctx.again.removed(ctx.pis[i]).double().cpu().numpy()
    if not found:
        return []
    got = np.stack([-weight(ctx.problem.tasks, ctx.pis[i]) * rows[i] for i in found])
    want = np.stack(list(found.values()))
    norms = [np.linalg.norm(v, axis=1) for v in (got, want)]
    where = f"{len(found)} removals on your problem"
    return [Measurement("T2", where, distance(got, want).relative, spearman(*norms))]
