"""Estimators that read features, projections, trees or densities."""

from metainfl.methods.features.boost_in import boost_in
from metainfl.methods.features.boosted import Boosted
from metainfl.methods.features.high_dimensional import high_dimensional
from metainfl.methods.features.last_layer import feature_tasks, features, head
from metainfl.methods.features.leaf_influence import leaf_influence
from metainfl.methods.features.leaf_refit import leaf_refit
from metainfl.methods.features.representer_points import alphas, representer_points, task_rows
from metainfl.methods.features.rps_lje import rps_lje
from metainfl.methods.features.trak import trak
from metainfl.methods.features.trex import trex

__all__ = [
    "Boosted",
    "alphas",
    "boost_in",
    "feature_tasks",
    "features",
    "head",
    "high_dimensional",
    "leaf_influence",
    "leaf_refit",
    "representer_points",
    "rps_lje",
    "task_rows",
    "trak",
    "trex",
]
