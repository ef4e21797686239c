"""What `check_method` is called with: looked at before anything runs, each argument by its name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from metainfl.errors import InvalidMethod, InvalidProblem
from metainfl.methods.claim import Claim, claim_of
from metainfl.numbers import NOT_NEGATIVE, POSITIVE, Wish, real, said, whole
from metainfl.oracle.checks import CHECKS, checks_for
from metainfl.oracle.estimands import find

#: the longest that a call may be given: what an alarm can be set to
DAYS = 10
SECONDS: Wish = (
    f"positive, and at most {DAYS} days",
    lambda v: POSITIVE[1](v) and v <= DAYS * 86400,
)


class Arguments(NamedTuple):
    """The claim that is judged, the checks that run, and which of them may fail."""

    claim: Claim
    checks: list[str]
    expected: dict[str, str]
    seed: int
    seconds: float
    memory: float | None


def looked_at(
    method: Any, claim: Any, families: Any, checks: Any, expected: Any, seed: Any, seconds: Any,
    memory: Any,
) -> Arguments:  # fmt: skip
    """Arguments that are what they should be. Raises `InvalidMethod`, and `InvalidProblem` for the others."""
    if not callable(method):
        raise InvalidMethod(
            f"a method is a callable (problem, perturbations) -> (n, p), got {type(method).__name__}"
        )
    if claim is not None and not isinstance(claim, Claim):
        raise InvalidProblem(f"claim must be a metainfl.Claim, got {said(claim)}")
    claim = claim_of(method) if claim is None else claim
    if families is not None:
        claim = replace(claim, families=_words(families, "families"))
    if expected is not None and not isinstance(expected, Mapping):
        raise InvalidProblem(
            "expected_failures must be a mapping from the name of a check to the reason, got "
            f"{said(expected)}"
        )
    of_evidence = checks_for(find(claim.estimand).evidence)
    names = of_evidence if checks is None else _words(checks, "checks")
    excused = dict(expected or {})
    known(names, excused)
    return Arguments(
        claim,
        list(names),
        excused,
        whole(seed, "seed", 0, 2**63 - 1),
        real(seconds, "seconds", SECONDS),
        None if memory is None else real(memory, "memory", NOT_NEGATIVE),
    )


def known(names: Iterable[str], expected: Mapping[str, str]) -> None:
    """Raise `InvalidProblem` for unknown checks and for expected failures without a reason."""
    for name in (*names, *expected):
        if name not in CHECKS:
            raise InvalidProblem(f"unknown check {name!r}; known: {', '.join(CHECKS)}")
    for name, reason in expected.items():
        if not str(reason).strip():
            raise InvalidProblem(f"the expected failure {name!r} needs a reason")


def _words(value: Any, name: str) -> tuple[str, ...]:
    listed = isinstance(value, Iterable) and not isinstance(value, (str, bytes))
    if not listed or not all(isinstance(v, str) for v in value):
        raise InvalidProblem(f"{name} must be a list of names, got {said(value)}")
    return tuple(value)
