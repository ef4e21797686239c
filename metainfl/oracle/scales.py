"""Answers that are the truth at another scale: one factor a case, or one a row, with a name of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metainfl.oracle.case import Case
from metainfl.oracle.evidence import Evidence
from metainfl.oracle.measure import distance
from metainfl_reference.episodes import Weights

Array = np.ndarray


def scale_words(wrong: Sequence[Evidence], right: Sequence[Evidence] = ()) -> list[str]:
    """The factor in words, if every failing answer is parallel to its truth.

    A factor that is not 1 on the cases that are `right` is denied by them.
    """
    if all(np.linalg.norm(e.got) and distance(e.got, e.want).rescaled <= e.match for e in wrong):
        factors = np.array([np.sum(e.got * e.want) / np.sum(e.want**2) for e in wrong])
        values = [constants(e.case) for e in wrong]
        out = []
        for name in values[0]:
            denied = any(abs(constants(e.case)[name] - 1) > 1e-9 for e in right)
            near = np.abs(factors / np.array([v[name] for v in values]) - 1).max()
            if near <= 1e-9 + 1e-3 * np.abs(factors - 1).min() and near <= 1e-6 and not denied:
                out.append(
                    f"the truth with {name}" if name.startswith("the ") else f"the truth {name}"
                )
        if not out and not right and np.ptp(factors) <= 1e-6 * np.abs(factors).max():
            text = f"{factors[0]:.9g}"
            out = [f"the truth times {text if text != '1' else f'1 + {factors[0] - 1:.3g}'}"]
        return out
    return _row_words(wrong, right)


def constants(case: Case) -> dict[str, float]:
    """Factors that a wrong scale may be, by name."""
    e, w = case.family.episodes, case.weights or Weights.ones(case.family.episodes)
    t, ns, nq = e.n_tasks, max(e.support_x.shape[1], 1), e.query_x.shape[1]
    sizes = {
        "the number of tasks T (a mean where the sum is meant)": float(t),
        "the number of query instances": float(nq),
        "the number of support instances": float(ns),
        "the number of all query instances": float(t * nq),
        "the number of all support instances": float(t * ns),
        "query instances over support instances": nq / ns,
        "all instances of a task": float(nq + ns),
        "the number of outputs": float(e.query_y.shape[2]),
        "the number of features": float(e.query_x.shape[2]),
        "the number of parameters": float(case.family.n_meta),
        "the sum of the task weights": float(w.task.sum()),
        "outer_reg": float(np.mean(case.family.d_out)),
    }
    out = {"the sign flipped": -1.0, "times a factor of 2": 2.0, "times a factor of 1/2": 0.5}
    out["times a factor of -2"] = -2.0
    nothing = float("nan")  # of a single task there is no such factor
    out["times T / (T - 1)"] = t / (t - 1) if t > 1 else nothing
    out["times (T - 1) / T"] = (t - 1) / t if t > 1 else nothing
    for name, value in sizes.items():
        for how, factor in (("scaled by", value), ("scaled by 1 over", 1 / value)):
            out[f"{how} {name}"] = factor
            out[f"{how} {name}, and the sign flipped"] = -factor
    return out


def _row_words(wrong: Sequence[Evidence], right: Sequence[Evidence]) -> list[str]:
    """A factor a row that is a weight or a number of members; 1 in every row that is right."""
    factors: list[Array] = []
    named: list[dict[str, Array]] = []
    for e in wrong:
        size, told = np.sum(e.want**2, axis=1), _told(e)
        f = np.where(told, np.sum(e.got * e.want, axis=1) / np.where(told, size, 1.0), 0.0)
        if np.linalg.norm(e.got - f[:, None] * e.want) > e.match * np.linalg.norm(e.got):
            return []
        factors.append(f[told])
        named.append({k: v[told] for k, v in _row_constants(e).items()})
    out = []
    for name in named[0]:
        values = [n[name] for n in named]
        varied = any(np.ptp(np.abs(v)) > 1e-9 for v in values if len(v))
        near = all(
            np.abs(f - v).max(initial=0.0) <= 1e-6 * np.abs(v).max(initial=0.0)
            for f, v in zip(factors, values, strict=True)
        )
        if not any((np.abs(v - 1) > 1e-3).any() for v in values):
            continue  # it is the truth: there are no such rows
        denied = any((np.abs(_row_constants(e)[name] - 1) > 1e-9)[_told(e)].any() for e in right)
        if near and not denied and (varied or name.startswith("a mean")):
            out.append(f"each row {name}")
    return out


def _told(e: Evidence) -> Array:
    """Rows whose truth is not zero: padding has no influence, whatever the factor."""
    size = np.sum(e.want**2, axis=1)
    return size > 1e-24 * size.max()


def _row_constants(e: Evidence) -> dict[str, Array]:
    w = e.case.weights or Weights.ones(e.case.family.episodes)
    of_task = np.array([w.task[p.task] if p.task >= 0 else 1.0 for p in e.pis])
    own = np.array(
        [
            getattr(w, p.kind)[p.task, p.instance] if p.kind in ("support", "query") else 1.0
            for p in e.pis
        ]
    )
    members = np.array([max(len(p.members), 1) for p in e.pis], dtype=float)
    out = {
        "without the weight of its task": 1 / of_task,
        "with the weight of its task once more": of_task,
        "times its own weight: an effect, not a derivative": own,
        "a mean of a group's members, not the sum": 1 / members,
        "times the number of a group's members": members,
    }
    return out | {f"{k}, and the sign flipped": -v for k, v in out.items()}
