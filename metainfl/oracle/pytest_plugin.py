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
from metainfl.oracle.arguments import known
from metainfl.oracle.checks import CHECKS, checks_for
from metainfl.oracle.child import Child
from metainfl.oracle.context import Context
from metainfl.oracle.judging import run_one
from metainfl.oracle.random_state import keep_rng
from metainfl.oracle.returned import Returned
from metainfl.oracle.runner import InProcess
from metainfl.oracle.runs.context import context
from metainfl.oracle.shipping import title
from metainfl.oracle.watched import Method


def parametrize_with_checks(
    methods: Sequence[Method],
    *,
    expected_failures: Mapping[str, str] | None = None,
    quick: bool = False,
    seed: int = 0,
    in_process: bool = False,
) -> Callable[..., Any]:
    """Decorator: the test is called with `run_check` for every method and check.

    Skipped checks skip with their reason; `expected_failures` ({check: reason}) are strict xfails. A
    method's tests share a process of its own; `in_process` runs them in pytest's, for debuggers.
    """
    import pytest

    expected = dict(expected_failures or {})
    known(list(CHECKS), expected)
    kind = InProcess if in_process else Lazy
    contexts = [context(m, claim_of(m), quick=quick, seed=seed, runner=kind(m)) for m in methods]
    cases = [
        pytest.param(_runner(ctx, name, expected.get(name)), id=f"{title(ctx.method)}-{name}")
        for ctx in contexts
        for name in checks_for(ctx.estimand.evidence)
    ]
    return pytest.mark.parametrize("run_check", cases)


class Lazy:
    """A process that starts with the first call; one at a time, whatever the order of the tests."""

    current: Child | None = None

    def __init__(self, method: Method) -> None:
        self.method = method

    def call(self, *arguments: Any, **options: Any) -> Returned:
        """As `Runner.call`."""
        running = Lazy.current
        if running is None or running.method is not self.method:
            if running is not None:
                running.close()
            Lazy.current = running = Child(self.method)
        return running.call(*arguments, **options)


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
