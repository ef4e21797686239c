"""Trials of estimators that read a meta-learner at its minimiser: derivatives, scores, edits."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import torch

from bench.estimators.ground_problems import Minimised
from bench.estimators.grounds import ground, numpy
from bench.estimators.trial import Trial

UNIT = "meta-gradients"
SIZES = {"n": (40, 80, 160), "p": (4, 8, 16), "m": (1, 5)}


def rows(g, answer):
    """Derivatives of lam*: what a removal does to a target, to first order."""
    return -numpy(answer) @ g.case.target_gradients


def scores(_, answer):
    """Derivatives of a target's loss: their signs turned."""
    return -numpy(answer)


def edits(g, answer):
    """Lam after removal."""
    return (numpy(answer) - g.case.solution.lam) @ g.case.target_gradients


def at(
    family="maml_softmax",
    *,
    own="derivative",
    effect=rows,
    call=None,
    kind="task",
    axes="np",
    made=None,
    **options,
):
    """A trial on digits; `own` is the reference's estimand, less lam* where lam is returned."""
    here = partial(ground, Minimised, family=family, kind=kind, **options)

    def sized(n=40, p=4, m=2):
        return ground(Minimised, family=family, kind=kind, n=n, components=p, m=m, **options)

    def called(method, g):
        if call is not None:
            return call(method, g)
        method = made(method) if made else method
        return method(g.problem, g.asked)

    def truth(g):
        return g.truth(own) - (g.case.solution.lam if effect is edits else 0)

    def answered(method, g):
        found = called(method, g)
        return numpy(found) - g.case.solution.lam if effect is edits and own else found

    after = rows_of_shift if effect is edits and own else effect
    return Trial(
        here, answered, truth if own else None, after, sized, {a: SIZES[a] for a in axes}, UNIT
    )


def rows_of_shift(g, answer):
    """Shifts of lam*."""
    return numpy(answer) @ g.case.target_gradients


def to_targets(method, g, **options):
    return method(g.problem, g.asked, g.targets, **options)


def near(method, g):
    """All data as neighbours, so that every score is there: put back in the order of the data."""
    x, t = g.problem.tasks.query_x.mean(1), g.targets.query_x.mean(1)
    found = method(
        g.problem, g.asked, g.targets, features=x, target_features=t, neighbours=len(g.asked)
    )
    out = torch.empty_like(found.value)
    return out.scatter_(0, torch.as_tensor(found.nearest), found.value)


def own_of(trial: Trial, own, effect=None) -> Trial:
    """The same trial with a truth of its own."""
    return replace(trial, own=own, effect=effect)


def leading(g):
    """d lam*/d weight on the ten leading eigenvectors of H."""
    values, vectors = np.linalg.eigh(g.case.solution.hessian)
    u = vectors[:, -10:]
    return -(u @ ((u.T @ g.case.cross_derivatives(g.asked)) / values[-10:, None])).T


def removed_shift(g):
    """lam* less lam* without."""
    return g.case.solution.lam - g.truth("removal")


def removed_distance(g):
    """shift' H shift / p."""
    shift = removed_shift(g)
    return ((shift @ g.case.solution.hessian) * shift).sum(axis=1) / shift.shape[1]


PROXIMAL = "proximal_softmax"
TRIALS = {
    "task_if": at(),
    "task_if_cg": at(),
    "instance_if_query": at(kind="query"),
    "instance_if_support": at(kind="support"),
    "first_order_group": at(own="first_order", effect=edits),
    "second_order_group": at(own="second_order", effect=edits),
    "task_if_gamma": at(),
    "direct_if": at("proximal_ridge", own="direct", direct=0.5),
    "tlxml": at(),
    "tlxml_pruned": own_of(at(made=lambda m: m(10)), leading, rows),
    "tlxml_gauss_newton": at(),
    "task_if_paper": at(PROXIMAL),
    "instance_if_frozen": at(PROXIMAL, kind="support"),
    "inner_if": at(PROXIMAL, own="inner", effect=None, kind="support"),
    "task_if_ekfac": at(PROXIMAL, made=lambda m: m()),
    "arnoldi_if": own_of(at(made=lambda m: m(10)), leading, rows),
    "task_if_subsampled": at(made=lambda m: m(6)),
    "lissa_if": at(made=lambda m: m(4)),
    "fast_if": at(own="score", effect=scores, call=near, axes="npm"),
    "relatif": at(own="relative_score", effect=scores, call=to_targets, axes="npm"),
    "renormalised_if": at(own="renormalised_score", effect=scores, call=to_targets, axes="npm"),
    "cook_shift": own_of(at(own=None), removed_shift, rows),
    "cook_distance": own_of(at(own=None, effect=None), removed_distance),
}
