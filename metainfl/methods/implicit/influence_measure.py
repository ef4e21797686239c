"""The influence measure FI of paper 004 (eqs 2.1 to 2.3) and FI-util, corrected, for any learner.

    b  = d L(target)/d omega = D L(target) . d lam/d omega       omega shifts the input of one datum
    G  = sum_c P_c s_c s_c',   s_c = d log P(c | x + omega, lam(omega))/d omega     (total: lam moves too)
    FI = b' G^+ b;             FI-util: b of the mean over all targets
d lam/d omega = -H^{-1} d_x d_lam L (004 prints + and a second 1/n). Outputs of a datum are those of its own
task, through its adaptation. Estimand: itself; invariant under any change of coordinates of omega (Theorem 1)
within G's range, where b need not lie wholly: what is outside does not count. Sign: never negative. Scale:
loss squared. Cost: one right-hand side a feature of each datum, and a derivative of its outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Unpack

import torch
from torch import Tensor
from torch.func import jacrev

from metainfl.derive.failure import named
from metainfl.derive.padding import without_padding
from metainfl.derive.preflight import preflight
from metainfl.derive.problem import Problem
from metainfl.errors import InvalidOption, InvalidProblem
from metainfl.influence.how import How, finite
from metainfl.influence.implicit import influence
from metainfl.problem.asked import require_targets
from metainfl.problem.losses import cross_entropy
from metainfl.problem.perturbation import Perturbation, shift
from metainfl.problem.tasks import Tasks
from metainfl.problem.weights import check

#: shifts of all data, features a datum, how -> d lam/d omega (d, p) of each
Turn = Callable[[Problem, Sequence[Perturbation], Sequence[int], How], Sequence[Tensor]]
BLOCK = 2**27  # numbers of d lam/d omega that are held at once: a gigabyte
RCOND = 1e-10  # G has rank K - 1 at most: what is below this share of its largest eigenvalue is rounding


def influenced(
    problem: Problem, moves: Sequence[Perturbation], widths: Sequence[int], how: How
) -> Sequence[Tensor]:
    """D lam/d omega = -H^{-1} d_x d_lam L, exactly."""
    return influence(problem, moves, **how).value.split(list(widths))


def influence_measure(
    problem: Problem,
    instances: Sequence[Perturbation],
    targets: Tasks,
    *,
    rcond: float = RCOND,
    **how: Unpack[How],
) -> Tensor:
    """FI (n, m) of shifts of query instances on the losses of target tasks, >= 0; `how` as in `influence`.

    A target of several query instances is their sum. Raises `InvalidOption` for what is no query instance,
    `InvalidProblem` for a place that is not there and a loss that is no cross-entropy.
    """
    targets = require_targets(problem, targets)
    preflight(problem, targets, "target")
    slopes = problem.task_gradients(problem.lam, targets)
    return measured(problem, instances, slopes, rcond, how)


def fi_util(
    problem: Problem,
    instances: Sequence[Perturbation],
    targets: Tasks,
    *,
    rcond: float = RCOND,
    **how: Unpack[How],
) -> Tensor:
    """FI-util (n,): of the mean loss over the targets (004, Algorithm 1, with 1/|V| and not 1/n)."""
    targets = require_targets(problem, targets)
    preflight(problem, targets, "target")
    slopes = problem.task_gradients(problem.lam, targets).mean(0, keepdim=True)
    return measured(problem, instances, slopes, rcond, how)[:, 0]


def measured(
    problem: Problem,
    instances: Sequence[Perturbation],
    slopes: Tensor,
    rcond: float,
    how: How,
    turn: Turn = influenced,
) -> Tensor:
    """FI (n, m) on losses of the given slopes (m, p); `turn` gives d lam/d omega, one block a datum."""
    if problem.outer_loss is not cross_entropy:
        raise InvalidProblem("FI needs class probabilities: an outer loss of cross_entropy")
    check(problem.tasks, instances)
    if wrong := [p for p in instances if p.kind != "query"]:
        raise InvalidOption(
            f"FI is of query instances, and {wrong[0]} is not one; name them by metainfl.query(k, j)"
        )
    check(problem.tasks, [shift("query", p.task, p.instance, 0) for p in instances])
    widths = [problem.tasks.select([p.task]).query_x.shape[2:].numel() for p in instances]
    moves = [
        shift("query", p.task, p.instance, a)
        for p, d in zip(instances, widths, strict=True)
        for a in range(d)
    ]
    rows, first = [], 0
    for part in _blocks(widths, problem.lam.numel()):
        count = sum(widths[part])
        turned = turn(problem, moves[first : first + count], widths[part], how)
        first += count
        with named():
            rows += [
                _one(problem, p, moved, moved @ slopes.T, rcond)
                for p, moved in zip(instances[part], turned, strict=True)
            ]
    return finite(torch.stack(rows), instances, "FI")


def _blocks(widths: Sequence[int], params: int) -> list[slice]:
    """Data whose d lam/d omega are held at once: as many as BLOCK numbers take, one at least."""
    ends, held = [0], 0
    for k, width in enumerate(widths):
        if held and (held + width) * params > BLOCK:
            ends, held = [*ends, k], 0
        held += width
    return [slice(a, b) for a, b in pairwise([*ends, len(widths)])]


def _one(problem: Problem, p: Perturbation, moved: Tensor, b: Tensor, rcond: float) -> Tensor:
    """b' G^+ b (m,) of one datum; `moved` is d lam/d omega (d, p)."""
    lam, raw = problem.lam, problem.tasks.select([p.task]).view()
    whole = without_padding(raw)
    state = tuple(s[0] for s in problem.adaptation.prepare(problem.setting, lam, whole))
    view = type(whole)(*(t[0] for t in whole))
    x0 = raw.query_x[0, p.instance]

    def log_probabilities(at: Tensor, x: Tensor) -> Tensor:
        places = torch.arange(len(view.query_x), device=x.device) == p.instance
        one = places.reshape(-1, *[1] * x.ndim)
        own = view._replace(query_x=torch.where(one, x, view.query_x))
        return torch.log_softmax(problem.outputs(at, at, own, state)[p.instance], dim=-1)

    through_lam, through_x = jacrev(log_probabilities, argnums=(0, 1))(lam, x0)
    scores = moved @ through_lam.T + through_x.reshape(len(through_lam), -1).T  # (d, K)
    prob = log_probabilities(lam, x0).exp()
    # a root of G: its rank is at most K - 1, and singular values lose half of the digits that G's would
    vectors, roots, _ = torch.linalg.svd(scores * prob.sqrt(), full_matrices=False)
    floor = max(rcond**0.5, 32 * torch.finfo(roots.dtype).eps) * roots[0]
    kept = (roots > floor) & (torch.arange(len(roots), device=roots.device) < len(prob) - 1)
    inside = vectors[:, kept].T @ b
    return (inside / roots[kept, None]).square().sum(0)
