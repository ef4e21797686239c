"""Influence functions for meta-learning, and the oracle that says whether an implementation is right."""

from metainfl import curvature, removal, solve
from metainfl.adaptation import (
    NoAdaptation,
    Prototypes,
    Proximal,
    ProximalCG,
    ProximalRidge,
    RidgeHead,
    Unrolled,
)
from metainfl.claim import Claim, claims
from metainfl.errors import (
    Interrupted,
    InvalidProblem,
    InvalidTasks,
    MetainflError,
    NotConverged,
    NotStationary,
    SingularHessian,
)
from metainfl.influence import influence, scores
from metainfl.losses import cross_entropy, squared
from metainfl.methods import (
    Method,
    direct_if,
    instance_if_query,
    instance_if_support,
    task_if,
    task_if_cg,
)
from metainfl.model import FromModule, Linear, LinearEmbedding
from metainfl.problem import Problem
from metainfl.tasks import Tasks
from metainfl_reference.perturbation import Perturbation, group, query, shift, support, task

__all__ = [
    "Claim",
    "FromModule",
    "Interrupted",
    "InvalidProblem",
    "InvalidTasks",
    "Linear",
    "LinearEmbedding",
    "MetainflError",
    "Method",
    "NoAdaptation",
    "NotConverged",
    "NotStationary",
    "Perturbation",
    "Problem",
    "Prototypes",
    "Proximal",
    "ProximalCG",
    "ProximalRidge",
    "RidgeHead",
    "SingularHessian",
    "Tasks",
    "Unrolled",
    "claims",
    "cross_entropy",
    "curvature",
    "direct_if",
    "group",
    "influence",
    "instance_if_query",
    "instance_if_support",
    "query",
    "removal",
    "scores",
    "shift",
    "solve",
    "squared",
    "support",
    "task",
    "task_if",
    "task_if_cg",
]
