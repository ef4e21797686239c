"""The survey's Table 1 (003): time as printed beside the growth that was measured here.

n data, p parameters, T steps, K subsets drawn. "Full" is for the first target, "incremental" for one more.
The two that read no run are measured on ridge with thousands of random tasks: digits are too few for
their growth to be seen beside what a call costs anyway.
"""

from __future__ import annotations

from functools import partial

import metainfl as mi
from bench.estimators.ground_problems import Wide
from bench.estimators.grounds import ground
from bench.estimators.measure import cost, further, growth
from bench.estimators.trial import Trial
from metainfl.methods.features import representer_points

SIZES = {"n": (1000, 2000, 4000), "p": (32, 64, 128), "m": (1, 17)}


def _wide(call):
    """A trial for its cost alone."""
    return Trial(
        partial(ground, Wide),
        lambda _, g: call(g),
        None,
        None,
        partial(ground, Wide),
        SIZES,
        "gradients",
    )


WIDE = {
    "influence functions": _wide(lambda g: mi.scores(g.problem, g.asked, g.targets)),
    "representer points": _wide(
        lambda g: representer_points(g.problem, g.targets.query_x.flatten(0, 1))
    ),
}

#: its name there: our entry or None for the above, full, incremental, and a word on the difference
TABLE_1 = {
    "leave-one-out": ("leave-one-out", "n T", "n", "a training is one value, and serves all targets"),
    "Downsampling": ("Downsampling", "K T", "K", "K = 256 draws; equal subsets are trained once"),
    "Shapley": ("Shapley", "2^n T", "2^n", "a training is one value, and serves all targets"),
    "influence functions": (
        None, "n p", "n p",
        "one product for each of p columns of a dense Hessian, once for all targets; one more is a solve "
        "with the factor and n dot products",
    ),
    "representer points": (None, "n", "n", "a product of inputs is n p"),
    "TracIn": ("TracIn", "n p T", "n p T", "batches of all n; one more target is a gradient a step"),
    "HyDRA": (
        "HyDRA", "n p T", "n p",
        "n sensitivities a step, each a product with all n of a batch; the survey counts a step as a "
        "constant",
    ),
}  # fmt: skip


def measured():
    """Costs on ridge, by name."""
    return {name: cost(None, trial)["spent"] for name, trial in WIDE.items()}


def beside(rows, wide):
    """One line a method of Table 1: printed, measured exponents, the difference in words."""
    of, out = {r["name"]: r for r in rows}, []
    for name, (ours, full, more, words) in TABLE_1.items():
        spent = of[ours]["spent"] if ours else wide[name]
        grown = {a: growth(spent[a]) for a in spent if a != "m"}
        counted = ours and of[ours]["unit"] == "values of subsets"
        counts = [f"v({n} players): {c:.0f}" for n, c in spent["n"]] if counted else []
        extra = further(spent["m"]) if "m" in spent else None
        out.append(
            {
                "method": name, "full": full, "incremental": more, "words": words,
                "growth": grown, "counts": counts, "further": extra,
            }
        )  # fmt: skip
    return out
