"""Estimators that read features, projections, trees or densities."""

from metainfl.methods.features.high_dimensional import high_dimensional
from metainfl.methods.features.last_layer import feature_tasks, features, head
from metainfl.methods.features.representer_points import alphas, representer_points, task_rows
from metainfl.methods.features.rps_lje import rps_lje
from metainfl.methods.features.trak import trak

__all__ = [
    "alphas",
    "feature_tasks",
    "features",
    "head",
    "high_dimensional",
    "representer_points",
    "rps_lje",
    "task_rows",
    "trak",
]
