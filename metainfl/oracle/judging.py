"""One check on one method: every way in which it can end becomes an `Outcome`."""

from __future__ import annotations

import traceback
from dataclasses import replace

import numpy as np

from metainfl.oracle.cases import cached_case
from metainfl.oracle.checks import CHECKS
from metainfl.oracle.context import Context
from metainfl.oracle.outcome import Failed, Outcome, Skipped
from metainfl_reference.errors import NotCertified


def run_one(ctx: Context, name: str, expected: str | None = None) -> Outcome:
    """One check's outcome; a stale expected failure is a failure.

    An exception of the oracle's own is no verdict on the method: the check counts as not made.
    """
    evidence = ctx.estimand.evidence
    if evidence not in CHECKS[name].evidence:
        whose = " or ".join(CHECKS[name].evidence)
        return Outcome(
            name, "skip", f"judges claims about a {whose}; this one is about a {evidence}"
        )
    try:
        CHECKS[name].run(ctx)
        outcome = Outcome(name, "pass")
    except Skipped as reason:
        return Outcome(name, "skip", str(reason))
    except Failed as failure:
        outcome = Outcome(name, "fail", failure.message, **failure.found)
    except NotCertified as error:
        return Outcome(name, "skip", f"no certified truth here: {error}")
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        words = f"{type(error).__name__}: {error} ({frame.filename}:{frame.lineno})"
        return Outcome(name, "skip", f"the oracle itself stopped here, please report it: {words}",
                       cause="oracle")  # fmt: skip
    if expected is None:
        return outcome
    if outcome.status == "pass":
        return Outcome(name, "fail", f"expected to fail ({expected}) but passes: remove the entry")
    return replace(outcome, status="xfail", message=f"{expected} [{outcome.message}]")


def because_flat(ctx: Context, outcome: Outcome) -> str:
    """Words where a check fails on families with flat directions alone; "" otherwise.

    There H is singular by construction: lam can move along `problem.tangent()` without changing F.
    """
    if ctx.estimand.evidence == "run":
        return ""  # a run has no inverse
    flat: list[str] = []
    firm: list[str] = []
    for name in ctx.families:
        case = cached_case(name, ctx.seed)
        has = case.family.tangent(np.asarray(case.solution.lam)).shape[1] > 0
        (flat if has else firm).append(name)
    if not flat or not firm:
        return ""
    families = tuple(firm)
    claim = replace(ctx.claim, families=families)
    other = type(ctx)(
        ctx.method, claim, quick=ctx.quick, seed=ctx.seed, seconds=ctx.seconds, runner=ctx.runner
    )
    if run_one(other, outcome.check).status != "pass":
        return ""
    return (
        f"it holds without {' and '.join(flat)}, whose objective does not change along a symmetry: H is "
        "singular there, and a plain solve has no answer. Solve off problem.tangent() (p, f), as "
        "metainfl.solve.Dense() does for metainfl.curvature.exact(problem), or claim families="
        f"{'+'.join(firm)}"
    )
