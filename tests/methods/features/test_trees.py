"""Estimators of boosted trees: against scikit-learn fitted again, and against loops without shared code."""

import numpy as np
import pytest
import torch
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
from sklearn.kernel_ridge import KernelRidge

import metainfl as mi
from metainfl.methods.features import Boosted, boost_in, leaf_influence, leaf_refit, trex
from tests.helpers import assert_close

OPTIONS = {"n_estimators": 4, "learning_rate": 0.3, "max_depth": 2, "random_state": 0}


def cells(logistic, seed=0):
    """Two binary features, several rows a cell: trees of depth 2 have the four cells as leaves, whatever
    the weights, so fitting again without a row keeps the structure."""
    rng = np.random.default_rng(seed)
    x = np.repeat([[0, 0], [0, 1], [1, 0], [1, 1]], [4, 5, 6, 5], axis=0).astype(float)
    y = x @ [1.0, 2.0] + 1.5 * x[:, 0] * x[:, 1] + rng.standard_normal(20)
    if logistic:
        y = np.array([0, 1, 0, 1, 1, 1, 0, 1, 0, 0, 0, 1, 1, 0, 0, 1, 1, 1, 0, 1])
    w = rng.uniform(0.5, 2, 20)
    return x, y, w


def fitted(logistic, x, y, w, **changes):
    kind = GradientBoostingClassifier if logistic else GradientBoostingRegressor
    return kind(**{**OPTIONS, **changes}).fit(x, y, sample_weight=w)


def loss_of(model, x, y, logistic):
    f = model.decision_function(x) if logistic else model.predict(x)
    return np.log1p(np.exp(f)) - y * f if logistic else 0.5 * (y - f) ** 2


@pytest.mark.parametrize("logistic", [False, True])
def test_refit_and_influence_by_fitting_again(logistic):
    """Guards leaf values, f_0 and weights: scikit-learn fits without each row, and with a moved weight."""
    x, y, w = cells(logistic)
    model = fitted(logistic, x, y, w)
    assert all(t[0].get_n_leaves() == 4 for t in model.estimators_)
    boosted = Boosted(model, x, y, w)
    tx, ty = x[[0, 6, 12, 18]], (y[[0, 6, 12, 18]] + (0 if logistic else 0.3))
    before = loss_of(model, tx, ty, logistic)
    removed, slope = [], []
    for i in range(20):
        keep = np.arange(20) != i
        removed.append(
            loss_of(fitted(logistic, x[keep], y[keep], w[keep]), tx, ty, logistic) - before
        )
        h, sides = 1e-5, []  # central differences: h^2 and eps/h are 1e-10
        for sign in (1, -1):
            moved = w + sign * h * ~keep
            sides.append(loss_of(fitted(logistic, x, y, moved), tx, ty, logistic))
        slope.append((sides[0] - sides[1]) / (2 * h))
    assert_close(leaf_refit(boosted, tx, ty), np.stack(removed), 1e-9)
    assert_close(leaf_influence(boosted, tx, ty), np.stack(slope), 1e-7)


@pytest.mark.parametrize("logistic", [False, True])
def test_boost_in_by_hand(logistic):
    """Guards states before and after a round mixed up: loops over rounds, rows and targets in numpy."""
    rng = np.random.default_rng(2)
    x, w = rng.standard_normal((30, 3)), rng.uniform(0.5, 2, 30)
    y = (x[:, 0] + 0.5 * rng.standard_normal(30) > 0) * 1.0 if logistic else x[:, 0] ** 2 + x[:, 1]
    model = fitted(logistic, x, y, w)
    tx, ty = rng.standard_normal((3, 3)), np.array([1.0, 0, 1])
    mean = np.average(y, weights=w)
    f = np.full(30, np.log(mean / (1 - mean)) if logistic else mean)
    g, want = np.full(3, f[0]), np.zeros((30, 3))
    link = (lambda v: 1 / (1 + np.exp(-v))) if logistic else (lambda v: v)
    for (tree,) in model.estimators_:
        own, there = tree.apply(x), tree.apply(tx)
        p = link(f)
        h = p * (1 - p) if logistic else np.ones(30)
        theta = {}
        for leaf in set(own):
            inside = own == leaf
            theta[leaf] = (w * (y - p))[inside].sum() / (w * h)[inside].sum()
        for t in range(3):
            for i in np.flatnonzero(own == there[t]):
                total = (w * h)[own == there[t]].sum()
                move = (y[i] - p[i] - h[i] * theta[there[t]]) / total
                want[i, t] += (link(g[t]) - ty[t]) * 0.3 * move
        f = f + 0.3 * np.array([theta[leaf] for leaf in own])
        g = g + 0.3 * np.array([theta[leaf] for leaf in there])
    assert_close(boost_in(Boosted(model, x, y, w), tx, ty), want, 1e-12)


def test_boost_in_is_leaf_influence_of_one_round():
    """Guards a factor: for one round without f_0 the two differ by where the loss's slope is taken."""
    x, y, w = cells(False)
    model = fitted(False, x, y, w, n_estimators=1, init="zero")
    boosted = Boosted(model, x, y, w)
    f = boosted.raw(boosted.w, boosted.leaf(x)) - boosted.y
    assert_close(boost_in(boosted, x, y) / -boosted.y, leaf_influence(boosted, x, y) / f, 1e-12)


def test_a_row_alone_in_its_leaf():
    """Guards 0/0: the leaf that it leaves empty holds 0, and nothing is NaN."""
    x, y = np.array([[0.0], [1], [2], [10]]), np.array([0.0, 0.1, 0.2, 5])
    model = GradientBoostingRegressor(n_estimators=2, max_depth=1, learning_rate=0.5).fit(x, y)
    boosted = Boosted(model, x, y)
    found = leaf_refit(boosted, x[3:], y[3:])
    rest = y[:3].mean()
    assert_close(found[3], [0.5 * (5 - rest) ** 2 - loss_of(model, x[3:], y[3:], False)[0]], 1e-12)
    assert torch.isfinite(leaf_influence(boosted, x, y)).all()
    assert torch.isfinite(boost_in(boosted, x, y)).all()


WRONG = {
    "one target for three": (lambda x, y: (x, y[:1]), "x has 3 rows, y 1"),
    "a column": (lambda x, y: (x, y[:, None]), r"\(m,\), got \(3, 1\)"),
    "a single number": (lambda x, y: (x, 1.0), r"\(m,\), got \(\)"),
    "NaN in x": (lambda x, y: (np.where(x == 1, np.nan, x), y), "x is not finite at index"),
    "beyond float32": (lambda x, y: (x + 1e39, y), "too large for float32"),
    "one feature": (lambda x, y: (x[:, :1], y), r"\(m, 2\)"),
    "no rows": (lambda x, y: (x[:0], y[:0]), r"\(m, 2\)"),
    "words": (lambda x, y: ([["a", "b"]] * 3, y), "array of numbers"),
}


@pytest.mark.parametrize("logistic", [False, True])
@pytest.mark.parametrize("wrong", WRONG)
def test_targets_that_do_not_fit_are_refused(logistic, wrong):
    """Guards targets that are broadcast, or values of a target that is not there, from every estimator."""
    x, y, w = cells(logistic)
    boosted = Boosted(fitted(logistic, x, y, w), x, y, w)
    change, words = WRONG[wrong]
    at = x[[0, 6, 12]]
    tx, ty = change(at, y[[0, 6, 12]])
    for method in (leaf_refit, leaf_influence, boost_in):
        with pytest.raises(mi.InvalidOption, match=words):
            method(boosted, tx, ty)
    if tx is not at:
        with pytest.raises(mi.InvalidOption, match=words):
            trex(boosted, tx)


def test_targets_that_are_no_number_or_class_are_refused():
    """Guards NaN that is passed on as a value."""
    for logistic, bad, words in (
        (False, np.nan, r"y is not finite at index \[1\]"),
        (True, 2, "classes"),
    ):
        x, y, w = cells(logistic)
        boosted = Boosted(fitted(logistic, x, y, w), x, y, w)
        for method in (leaf_refit, leaf_influence, boost_in):
            with pytest.raises(mi.InvalidOption, match=words):
                method(boosted, x[:2], np.array([0, bad]))
    with pytest.raises(mi.InvalidOption, match=r"\(m,\), got \(20, 1\)"):
        Boosted(boosted.model, x, y[:, None], w)


@pytest.mark.filterwarnings("ignore")
def test_a_model_of_one_row():
    """Guards 0/0 in f_0: without its only row nothing is left, unless the start is 0, which is then all."""
    x, y = np.array([[1.0, 2.0]]), np.array([3.0])
    with pytest.raises(mi.InvalidOption, match="one row"):
        leaf_refit(Boosted(GradientBoostingRegressor(n_estimators=2).fit(x, y), x, y), x, y)
    model = GradientBoostingRegressor(n_estimators=2, init="zero").fit(x, y)
    found = leaf_refit(Boosted(model, x, y), x, y)
    assert_close(found, [[0.5 * 9 - loss_of(model, x, y, False)[0]]], 1e-12)


def test_trex_is_scikit_learn_s_kernel_ridge():
    """Guards the kernel and that parts add up; the gap to the model falls with the regulariser."""
    x, y, w = cells(False)
    model = fitted(False, x, y, w)
    boosted = Boosted(model, x, y, w)
    found = trex(boosted, x[::3], reg=0.1)
    leaves = np.stack([t.apply(x) for (t,) in model.estimators_], axis=1)
    k = np.array(
        [
            [sum((a[r] == b[r]) / (leaves[:, r] == a[r]).sum() for r in range(4)) for b in leaves]
            for a in leaves
        ]
    )
    f_0 = np.average(y, weights=w)
    ridge = KernelRidge(alpha=0.1, kernel="precomputed").fit(k, model.predict(x) - f_0)
    assert_close(found.value.sum(0), ridge.predict(k[::3]), 1e-10)
    assert_close(found.value, ridge.dual_coef_[:, None] * k[:, ::3], 1e-10)
    gaps = [trex(boosted, x, reg=r).gap for r in (1.0, 0.1, 1e-6)]
    assert gaps[0] > gaps[1] > gaps[2] and gaps[2] < 1e-5


def test_models_that_do_not_replay_are_refused():
    """Guards values of a model that was not fitted as we read it."""
    x, y, w = cells(False)
    with pytest.raises(mi.InvalidOption, match="subsample"):
        Boosted(fitted(False, x, y, w, subsample=0.5), x, y, w)
    with pytest.raises(mi.InvalidOption, match="other data or weights"):
        Boosted(fitted(False, x, y, w), x, y)
    with pytest.raises(mi.InvalidOption, match="squared_error"):
        Boosted(fitted(False, x, y, w, loss="huber"), x, y, w)
    with pytest.raises(mi.InvalidOption, match="two classes"):
        Boosted(fitted(True, x, np.arange(20) % 3, w), x, np.arange(20) % 3, w)
    with pytest.raises(mi.InvalidOption, match="positive"):
        Boosted(fitted(False, x, y, w), x, y, np.zeros(20))
