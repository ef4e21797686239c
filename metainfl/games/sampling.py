"""The loop of every estimator that draws: units until a rule ends it, deterministic by seed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import joblib
import numpy as np

from metainfl.derive.loop import agreed
from metainfl.errors import Interrupted, InvalidOption
from metainfl.games.account import Account, TooFew
from metainfl.games.asking import Asking
from metainfl.games.estimate import Estimate, Group, half_width
from metainfl.games.stop import Stop
from metainfl.numbers import whole

MOST_AT_ONCE = 1024  # units
MOST_BYTES = 2**26  # of their masks

Draw = Callable[[np.random.Generator, int], None]


def wanted(samples: int | None, stop: Stop | None) -> bool:
    """Whether anything is to be drawn: neither samples nor a rule means that all is enumerated."""
    if samples is not None and (
        isinstance(samples, bool) or not isinstance(samples, (int, np.integer)) or samples < 2
    ):
        raise InvalidOption(
            f"samples is a whole number from 2, or None: enumerate; got {samples!r}"
        )
    if stop is not None and not stop.rules and samples is None:
        raise InvalidOption("this stop ends nothing: give half_width, calls, seconds, or samples")
    return samples is not None or stop is not None


def sample(
    ask: Asking,
    draw: Draw,
    account: Account,
    *,
    samples: int | None,
    stop: Stop | None,
    seed: int,
    cost: int,
    step: int = 1,
    groups: Sequence[Group] | None = None,
) -> Estimate:
    """The estimate after `draw(rng, k)` has accounted for as many units as the rules allow.

    cost: subsets that a unit asks for, at most. step: units come in multiples of it. Ctrl-C raises
    `Interrupted` with the estimate of the whole rounds so far as its `result`, None where too few.
    """
    rule = stop or Stop()
    rng = np.random.default_rng(whole(seed, "seed", 0, error=InvalidOption))
    began, units, looks, next_look = time.monotonic(), 0, 0, rule.least
    most = max(1, min(MOST_AT_ONCE, MOST_BYTES // (cost * ask.n) // step)) * step
    wide = joblib.effective_n_jobs(getattr(ask.game, "jobs", 1))

    def so_far(why: str) -> Estimate:
        values, errors, degrees = account.result()
        more: Any = {"level": rule.level, "degrees": degrees, "looks": looks}
        return ask.estimate(values, errors, groups, units=units, stopped=why, **more)

    try:
        while True:
            left = most if samples is None else samples - units
            if left <= 0:
                return so_far("samples")
            if rule.calls is not None:
                left = min(left, (rule.calls - ask.asked) // cost // step * step)
                if left <= 0:
                    return so_far("calls")
            late = rule.seconds is not None and units and time.monotonic() - began > rule.seconds
            if rule.seconds is not None and agreed(late):
                return so_far("seconds")
            if rule.half_width is not None and units >= next_look:
                looks, next_look = looks + 1, 2 * units
                if _narrow(account, rule, looks):
                    return so_far("half width")
            at_once = wide if rule.seconds is not None else max(rule.least, units)
            k = min(left, most, -(-at_once // step) * step)
            draw(rng, k)
            units += k
    except KeyboardInterrupt as error:
        try:
            result = so_far("interrupted")
        except TooFew:
            result = None
        raise Interrupted(
            f"interrupted after {units} units; `result` holds the estimate from them"
            + ("" if result else " (none: too few)"),
            result,
        ) from error


def _narrow(account: Account, rule: Stop, looks: int) -> bool:
    """Whether every interval is as narrow as asked; too few units are not narrow."""
    assert rule.half_width is not None
    try:
        _, errors, degrees = account.result()
    except TooFew:
        return False
    return bool((half_width(errors, rule.level, degrees, looks) <= rule.half_width).all())
