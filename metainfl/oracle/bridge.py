"""A reference family as a production problem, and perturbations on both sides of the border.

Truth and production meet here, runs in `metainfl.oracle.runs.bridge`, and nowhere else. Parameter layouts
agree entry by entry. Each side has a `Perturbation` of its own: a fault in one side's `group` must not be
hidden from the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from metainfl.adaptation import (
    Adaptation,
    NoAdaptation,
    Prototypes,
    Proximal,
    ProximalRidge,
    RidgeHead,
    Unrolled,
)
from metainfl.derive.problem import Problem
from metainfl.problem import perturbation as production
from metainfl.problem.losses import cross_entropy, squared
from metainfl.problem.model import Linear, LinearEmbedding, Model
from metainfl.problem.symmetry import orthogonal
from metainfl.problem.tasks import Tasks
from metainfl_reference import perturbation as truth
from metainfl_reference.episodes import Episodes, Weights
from metainfl_reference.family import Family

#: a perturbation as the reference has it
Asked = truth.Perturbation


def to_truth(p: production.Perturbation) -> truth.Perturbation:
    """The same perturbation for the reference, made by the reference's own constructors."""
    if p.kind == "group":
        return truth.group(to_truth(m) for m in p.members)
    if p.kind == "task":
        return truth.task(p.task)
    if p.kind in ("support", "query"):
        return (truth.support if p.kind == "support" else truth.query)(p.task, p.instance)
    side = "support" if p.kind == "support_input" else "query"
    return truth.shift(side, p.task, p.instance, p.axis)  # type: ignore[arg-type]


def to_production(p: truth.Perturbation) -> production.Perturbation:
    """The same perturbation for a method, made by production's own constructors.

    Raises `RuntimeError` where production made another perturbation than was meant.
    """
    made = _made(p)
    if to_truth(made) != p:
        raise RuntimeError(f"production's constructors turned {p} into {made}: they are at fault")
    return made


def _made(p: truth.Perturbation) -> production.Perturbation:
    if p.kind == "group":
        return production.group([_made(m) for m in p.members])
    if p.kind == "task":
        return production.task(p.task)
    if p.kind in ("support", "query"):
        return (production.support if p.kind == "support" else production.query)(p.task, p.instance)
    side = "support" if p.kind == "support_input" else "query"
    return production.shift(side, p.task, p.instance, p.axis)  # type: ignore[arg-type]


def all_to_truth(ps: Sequence[production.Perturbation]) -> list[truth.Perturbation]:
    """A list of them."""
    return [to_truth(p) for p in ps]


def tasks_of(episodes: Episodes, weights: Weights | None = None, **to: Any) -> Tasks:
    """Episodes as production tasks."""
    w = weights or Weights.ones(episodes)
    arrays = (
        episodes.support_x,
        episodes.support_y,
        episodes.query_x,
        episodes.query_y,
        w.task,
        w.support,
        w.query,
    )
    return Tasks(*(torch.tensor(a, dtype=torch.float64) for a in arrays)).to(**to)


def problem_of(
    family: Family,
    *,
    weights: Weights | None = None,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float64,
) -> Problem:
    """The production problem that has this family as its truth; lam is not set."""
    e = family.episodes
    d, c = e.query_x.shape[2], e.query_y.shape[2]
    rank = getattr(family, "rank", 0)
    steps, alpha = getattr(family, "steps", 1), np.asarray(getattr(family, "alpha", 0.0))
    linear, embedding = Linear(d, c), LinearEmbedding(d, rank)
    one = bool((alpha == alpha.flat[0]).all())  # a number, or one rate a parameter (Meta-SGD)
    rate = float(alpha.flat[0]) if one else torch.tensor(alpha, dtype=dtype, device=device)
    parts: dict[str, tuple[Model, Adaptation]] = {
        "single_ridge": (linear, NoAdaptation()),
        "single_softmax": (linear, NoAdaptation()),
        "linear_representation": (embedding, RidgeHead(family.d_in or 1.0)),
        "prototypes": (embedding, Prototypes()),
    }
    if family.name.startswith("maml"):
        parts[family.name] = (linear, Unrolled(steps, rate, inner_reg=family.d_in))
    elif family.name == "proximal_ridge":
        parts[family.name] = (linear, ProximalRidge(family.d_in))
    elif family.name == "proximal_softmax":
        parts[family.name] = (linear, Proximal(family.d_in))
    model, adaptation = parts[family.name]
    softmax = "softmax" in family.name or family.name == "prototypes"
    inner = cross_entropy if softmax else squared
    losses = {"softmax": cross_entropy, "squared": squared}
    return Problem(
        model,
        tasks_of(e, weights, device=device, dtype=dtype),
        adaptation,
        inner_loss=inner,
        outer_loss=losses.get(getattr(family, "outer_loss", ""), inner),
        outer_reg=_regulariser(family, device, dtype),
        direct=family.direct,
        symmetry=orthogonal(rank) if rank else None,
    )


def _regulariser(family: Family, device: Any, dtype: torch.dtype) -> float | torch.Tensor:
    """A number, or one precision a parameter."""
    if np.ndim(family.d_out) == 0:
        return float(family.d_out)
    return torch.tensor(family.d_out, dtype=dtype, device=device)
