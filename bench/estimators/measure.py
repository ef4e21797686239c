"""What a trial comes to: errors, ranks, cost in its unit, and how that grows."""

from __future__ import annotations

import time
import warnings

import numpy as np
from scipy.stats import spearmanr

from bench.estimators.grounds import numpy
from metainfl.errors import MetainflError

LEAST, REPEATS = 0.05, 3  # seconds that a timing adds up to at least; the best of so many


def accuracy(method, trial):
    """Off by what of its own estimand, rank with that, rank with exact removal; None where there is none."""
    g = trial.ground()
    answer = trial.call(method, g)
    got = numpy(trial.value(answer))
    found = {"asked": int(got.shape[0]), "error": None, "rank": None, "removal": None}
    if trial.own is not None:
        want = np.asarray(trial.own(g)).reshape(got.shape)
        size = float(np.linalg.norm(want))
        found["error"] = float(np.linalg.norm(got - want)) / size if size else None
        found["rank"] = _rank(got, want)
    if trial.effect is not None:
        found["removal"] = _rank(np.asarray(trial.effect(g, answer)), g.removal)
    return found


def _rank(a, b):
    """Spearman's, over data and targets (or entries of lam); None where one of them is constant.

    What differs by less than 1e-9 of the largest is a tie.
    """
    a, b = (np.round(np.ravel(x) / max(np.abs(x).max(), 1e-300), 9) for x in (a, b))
    if np.ptp(a) == 0 or np.ptp(b) == 0 or len(a) < 3:
        return None
    return float(spearmanr(a, b).statistic)


def cost(method, trial):
    """Cost at the first size, in units of the same ground, and at the sizes of each axis."""
    if trial.sized is None:
        return {"cost": None, "spent": {}}
    spent, first = {}, {"n": trial.axes["n"][0]}
    unit = 1.0 if trial.count else _seconds(trial.sized(**first).unit)
    for axis, sizes in trial.axes.items():
        grounds = [trial.sized(**{axis: s}) for s in sizes]
        spent[axis] = [
            [s, _spent(method, trial, g) / unit] for s, g in zip(sizes, grounds, strict=True)
        ]
    return {"cost": spent["n"][0][1], "spent": spent}


def _spent(method, trial, g):
    if trial.count:
        return float(trial.count(trial.call(method, g)))
    return _seconds(lambda: trial.call(method, g))


def growth(spent):
    """d log cost/d log size between the last two sizes; "2^n" where that is what was counted."""
    (a, low), (b, high) = spent[-2:]
    if all(c == 2**s for s, c in spent):
        return "2^n"
    return float(np.log(high / low) / np.log(b / a))


def further(spent):
    """Cost of one more target as a share of the cost of one."""
    (a, low), (b, high) = spent
    return (high - low) / (b - a) / low


def _seconds(call):
    """Processor seconds of one call: the least of a few means, after one that is not counted."""
    call()
    times = 1
    while True:
        started = time.process_time()
        for _ in range(times):
            call()
        if (spent := time.process_time() - started) >= LEAST:
            break
        times *= 2
    best = spent / times
    for _ in range(REPEATS - 1):
        started = time.process_time()
        for _ in range(times):
            call()
        best = min(best, (time.process_time() - started) / times)
        if best * times > 1:
            break
    return best


def measured(entry, trial, known=None):
    """One row of the table; costs as in `known`, where given. An estimator that refuses says so in it."""
    method = entry.load()
    row = {
        "name": entry.name, "place": entry.place, "reads": entry.reads, "estimand": entry.estimand,
        "unit": trial.unit,
    }  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            spent = {k: known[k] for k in ("cost", "spent")} if known else cost(method, trial)
            return {**row, **accuracy(method, trial), **spent}
        except MetainflError as error:
            return {**row, "refused": f"{type(error).__name__}: {error}"}
