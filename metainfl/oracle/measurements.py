"""Usefulness, apart from correctness: distance to exact removal (T2) and to retraining (T3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from metainfl.oracle.context import Context
from metainfl.oracle.measure import distance, spearman
from metainfl.oracle.outcome import Failed, Skipped

Array = np.ndarray


@dataclass(frozen=True)
class Measurement:
    """One number pair about usefulness. Never a verdict."""

    truth: str
    where: str
    error: float
    spearman: float
    noise_floor: float | None = None

    def as_dict(self) -> dict[str, object]:
        """Plain data; nan becomes null."""
        return {k: None if v != v else v for k, v in asdict(self).items()}


@dataclass(frozen=True)
class Retraining:
    """T3: effects of removal measured by retraining a real network, (seeds, removals), and predictions.

    Noise floor: the correlation of one half of the seeds' mean effects with the other half's, stepped up
    to all seeds (Spearman-Brown). No method can be expected to do better.
    """

    effects: Array
    predicted: Array
    name: str = "retraining"

    def measure(self) -> Measurement:
        """Error and rank against the mean over seeds, beside the floor."""
        effects = np.asarray(self.effects, dtype=float)
        if effects.ndim != 2 or len(effects) < 2 or effects.shape[1:] != np.shape(self.predicted):
            raise Failed(
                "retraining effects must be (at least 2 seeds, removals), one per prediction"
            )
        mean = effects.mean(axis=0)
        halves = spearman(effects[::2].mean(axis=0), effects[1::2].mean(axis=0))
        floor = 2 * halves / (1 + halves) if halves > 0 else 0.0
        d = distance(np.asarray(self.predicted)[:, None], mean[:, None])
        return Measurement(
            "T3", self.name, d.relative, spearman(np.asarray(self.predicted), mean), floor
        )


def measurements(ctx: Context, retraining: Retraining | None = None) -> list[Measurement]:
    """T2 on each case whose removals exist; T3 if given."""
    out = []
    try:
        cases = ctx.usable(limit=4)[: 2 if ctx.quick else None]
    except Skipped:
        cases = []
    for case, pis in cases:
        weights = [p for p in pis if not p.kind.endswith("input")]
        shifts = {p: case.removal_shift(p) for p in weights}
        kept = [p for p in weights if shifts[p] is not None]
        if len(kept) < 3:
            continue
        try:
            got = ctx.ask(case, kept) / ctx.factor(case)
        except Failed:
            continue
        predicted = ctx.estimand.predicted_removal(case.known, got)
        if predicted is None:
            continue
        actual = np.stack([s for s in (shifts[p] for p in kept) if s is not None])
        rank = spearman(np.linalg.norm(predicted, axis=1), np.linalg.norm(actual, axis=1))
        out.append(Measurement("T2", case.name, distance(predicted, actual).relative, rank))
    if retraining is not None:
        out.append(retraining.measure())
    return out


def worst(found: Sequence[Measurement]) -> float:
    """The largest T2 error, nan if there is none."""
    return max((m.error for m in found if m.truth == "T2"), default=float("nan"))
