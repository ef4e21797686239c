"""Measures of an attribution: what it finds, how it ranks, and what removals say of it.

Of numbers: `found`, `area`, `proper_order`, `self_rank`, `rank_agreement`, `correlation`, `interval`,
`paired`. Of a run or a problem, by removals that are done: `linear_datamodeling_score`,
`query_loss_difference`.
"""

from metainfl.metrics.counterfactual import Difference, query_loss_difference
from metainfl.metrics.datamodeling import Datamodeling, linear_datamodeling_score
from metainfl.metrics.detection import area, found, proper_order, self_rank
from metainfl.metrics.intervals import (
    Correlation,
    Interval,
    correlation,
    interval,
    paired,
    rank_agreement,
)

__all__ = [
    "Correlation",
    "Datamodeling",
    "Difference",
    "Interval",
    "area",
    "correlation",
    "found",
    "interval",
    "linear_datamodeling_score",
    "paired",
    "proper_order",
    "query_loss_difference",
    "rank_agreement",
    "self_rank",
]
