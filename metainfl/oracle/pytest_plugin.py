"""Checks as pytest tests: one test a method and check.

from metainfl.oracle import parametrize_with_checks

@parametrize_with_checks([my_method, other_method])
def test_claim(run_check):
run_check()
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from metainfl.methods.claim import claim_of
from metainfl.oracle.checks import CHECKS
from metainfl.oracle.context import Context
from metainfl.oracle.runner import Method, keep_rng
from metainfl.oracle.verdict import known, run_one


def parametrize_with_checks(
    methods: Sequence[Method],
    *,
    expected_failures: Mapping[str, str] | None = None,
    quick: bool = False,
    seed: int = 0,
) -> Callable[..., Any]:
    """Decorator: the test is called with `run_check` for every method and check.

    Skipped checks skip with their reason; `expected_failures` ({check: reason}) are strict xfails.
    """
    import pytest

    expected = dict(expected_failures or {})
    known(list(CHECKS), expected)
    contexts = [Context(m, claim_of(m), quick=quick, seed=seed) for m in methods]
    cases = [
        pytest.param(_runner(ctx, name, expected.get(name)), id=f"{_title(ctx.method)}-{name}")
        for ctx in contexts
        for name in CHECKS
    ]
    return pytest.mark.parametrize("run_check", cases)


def _runner(ctx: Context, name: str, reason: str | None) -> Callable[[], None]:
    def run_check() -> None:
        import pytest

        with keep_rng():
            outcome = run_one(ctx, name, reason)
        if outcome.status == "skip":
            pytest.skip(outcome.message)
        if outcome.status == "xfail":
            pytest.xfail(outcome.message)
        if outcome.status == "fail":
            pytest.fail("\n".join([CHECKS[name].meaning, *outcome.lines()]), pytrace=False)

    return run_check


def _title(method: Method) -> str:
    return str(getattr(method, "name", None) or getattr(method, "__name__", "method"))
