"""Trials of estimators of single-level models: classical influence, FI, representers, TRAK, BALD."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from torch import nn

import metainfl as mi
from bench.estimators.ground_problems import Minimised
from bench.estimators.grounds import ground, numpy
from bench.estimators.minimisers import at, edits, own_of, rows
from bench.estimators.trial import Trial
from metainfl.methods.implicit.bald import laplace
from metainfl.methods.implicit.influence_measure import influence_measure
from metainfl_reference.episodes import Episodes
from metainfl_reference.estimands import representer
from metainfl_reference.estimands.influence_measure import influence_measure as exact_fi
from metainfl_reference.families.single_softmax import SingleSoftmax
from metainfl_reference.perturbation import query

SOFTMAX, RIDGE = "single_softmax", "single_ridge"


def fi_of(g, label=None):
    """FI of every instance that is asked about on every target (n, m), or on predicted labels."""
    lam = g.case.solution.lam.reshape(g.family.episodes.query_x.shape[2], -1)
    out = np.empty((len(g.asked), len(g.case.targets)))
    for m, t in enumerate(g.case.targets):
        x, y = t.query_x[0], t.query_y[0]
        y = np.eye(len(y))[np.argmax(x @ lam)] if label == "predicted" else y
        for i, p in enumerate(g.asked):
            found = exact_fi(g.family, g.case.solution, p.task, p.instance, x, y)
            out[i, m] = float(found.value.value)
    return out


def fi_of_mean(g):
    """FI-util: b of the mean of the targets' losses, G as it is."""
    out = []
    for p in g.asked:
        found = [
            exact_fi(g.family, g.case.solution, p.task, p.instance, t.query_x[0], t.query_y[0])
            for t in g.case.targets
        ]
        b = np.mean([f.slope for f in found], axis=0)
        out.append(b @ np.linalg.pinv(found[0].metric, rcond=1e-10, hermitian=True) @ b)
    return np.array(out)


def on_targets(method, g, **options):
    return method(g.problem, g.asked, g.targets, **options)


def damped_trak(method, g):
    """Damping is the outer regulariser: there it is exact."""
    return method(g.problem, g.asked, g.targets, damping=1.0)


def forest(method, g):
    """Half of the values known, ranks of the rest predicted from the inputs."""
    x = np.stack([numpy(g.problem.tasks.query_x[p.task, p.instance]) for p in g.asked])
    values = numpy(influence_measure(g.problem, g.asked, g.targets.select([0])))[:, 0]
    half = np.arange(0, len(x), 2)
    return method(x, values[half], half)


def ranks(g):
    """0 for the largest."""
    return np.argsort(np.argsort(-fi_of(g)[:, 0])).astype(float)


def inputs(g):
    return g.targets.query_x[:, 0]


def parts_of(g):
    each = [
        representer.prediction_parts(g.family, g.case.solution, t.query_x[0]).value
        for t in g.case.targets
    ]
    return np.stack(each, axis=2)


def df(g):
    """d f(z_t)/d v_i: the reference's influence through the target's input."""
    return g.truth("derivative") @ np.stack([t.query_x[0] for t in g.case.targets], axis=1)


def by_output(g, answer):
    """Effect on a squared loss of what moves the output."""
    lam = g.case.solution.lam
    off = np.array([float(t.query_x[0] @ lam - t.query_y[0, 0]) for t in g.case.targets])
    return -numpy(answer) * off


class LastLayer(Minimised):
    """A network of two layers on the same data, whose head is at its minimiser."""

    def __init__(self, n=12, components=4):
        super().__init__(SOFTMAX, n, components, "query")
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(components, 5), nn.Tanh(), nn.Linear(5, 3)).double()
        tasks = ground(Minimised, family=SOFTMAX, n=n, components=components).problem.tasks
        self.network = mi.Problem(
            net, tasks, mi.NoAdaptation(), inner_loss=mi.cross_entropy, outer_reg=1.0,
            lam=mi.FromModule(net).current(),
        )  # fmt: skip


def of_head(method, g):
    found = method(g.network)
    found.solve()
    return mi.influence(found, g.asked).value


def head_exactly(g):
    """The reference's softmax regression on the features and a constant."""
    x = g.network.tasks.query_x
    net = g.network.setting.model.module
    with torch.no_grad():
        h = torch.cat([net[:2](x), x.new_ones(*x.shape[:2], 1)], dim=2).numpy()
    y = g.network.tasks.query_y.numpy()
    twin = SingleSoftmax(Episodes(h[:, :0], y[:, :0], h, y), d_out=1.0)
    return twin.influence([query(p.task, p.instance) for p in g.asked], twin.solve()).value


def lasso(method, g):
    """One feature is kept, the rest are soft-thresholded: orthonormal inputs, so theta is closed-form."""
    x = torch.linalg.qr(g.problem.tasks.query_x.flatten(0, 1)).Q
    y = g.problem.tasks.query_y.flatten(0, 1)
    z = x.T @ y
    strength = float(z.abs().median())
    theta = z.sign() * (z.abs() - strength).clamp(min=0)
    return method(theta, x, x @ theta - y, x[:2], strength=strength)


def probabilities(method, g):
    """Of the queries, under Laplace's posterior."""
    x = g.problem.tasks.query_x.flatten(0, 1)
    model = g.problem.setting.model
    return method(torch.stack([model(lam, x).softmax(-1) for lam in laplace(g.problem, 64)]))


FI = at(SOFTMAX, kind="query", own=None, effect=None, call=on_targets, axes="npm")
TRIALS = {
    "classical_if": at(SOFTMAX, kind="query"),
    "ekfac_if": at(SOFTMAX, kind="query", made=lambda m: m()),
    "influence_measure": own_of(FI, fi_of),
    "fi_util": own_of(FI, fi_of_mean),
    "fi_active": own_of(FI, lambda g: fi_of(g, "predicted").mean(axis=0)),
    "kfsvd": own_of(
        at(SOFTMAX, kind="query", own=None, effect=None, call=lambda f, g: on_targets(f, g, rank=1)), fi_of
    ),
    "predicted_ranks": own_of(at(SOFTMAX, kind="query", own=None, effect=None, call=forest), ranks),
    "responses": at(SOFTMAX, own=None, effect=edits, call=lambda f, g: f(g.problem, g.asked, damping=1.0)),
    "bald": at(SOFTMAX, own=None, effect=None, call=probabilities, axes="n"),
    "head": Trial(
        lambda: ground(LastLayer), of_head, head_exactly, None,
        partial(ground, LastLayer), {"n": (40, 80, 160)}, "meta-gradients",
    ),
    "representer_points": own_of(
        at(SOFTMAX, own=None, effect=None, call=lambda f, g: f(g.problem, inputs(g))), parts_of
    ),
    "task_rows": own_of(
        at(own=None, effect=None, call=lambda f, g: f(g.problem)),
        lambda g: representer.task_components(g.family, g.case.solution).value, rows,
    ),
    "rps_lje": at(SOFTMAX, own=None, effect=None, call=lambda f, g: f(g.problem, inputs(g))),
    "high_dimensional": at(RIDGE, own=None, effect=None, call=lasso),
    "trak": own_of(
        at(RIDGE, kind="query", own=None, effect=None, call=damped_trak),
        df, by_output,
    ),
}  # fmt: skip
