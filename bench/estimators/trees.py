"""Trials of estimators that read boosted trees of scikit-learn: removal is fitting again."""

from __future__ import annotations

from functools import cached_property, partial

import numpy as np
from sklearn.ensemble import GradientBoostingRegressor

from bench.estimators.grounds import ground, numpy
from bench.estimators.trial import Trial
from metainfl.data.digits import principal_pixels
from metainfl.methods.features import Boosted

OPTIONS = {"n_estimators": 4, "max_depth": 2, "learning_rate": 0.3, "random_state": 0}


class Forest:
    """Whether a digit is a one, by two binary features: trees of depth two have their four cells as leaves,
    whatever the weights, so that fitting again keeps the structure and LeafRefit has an exact answer."""

    def __init__(self, n=60, trees=4):
        x, labels = principal_pixels(2)
        keep = np.flatnonzero(labels < 3)[: n + 2]
        x, y = (x[keep] > np.median(x[keep], axis=0)).astype(float), (labels[keep] == 1) * 1.0
        self.x, self.y, self.tx, self.ty = x[:n], y[:n], x[n:], y[n:] + 0.3
        self.options = {**OPTIONS, "n_estimators": trees}
        self.boosted = Boosted(self.fit(np.ones(n)), self.x, self.y)

    def fit(self, w):
        """Fitted to the rows with a weight."""
        rows = w > 0
        model = GradientBoostingRegressor(**self.options)
        return model.fit(self.x[rows], self.y[rows], sample_weight=w[rows])

    def losses(self, w):
        """Of the two targets."""
        return 0.5 * (self.fit(w).predict(self.tx) - self.ty) ** 2

    def unit(self):
        """What a cost is counted in: fitting the trees."""
        return self.fit(np.ones(len(self.x)))

    @cached_property
    def removal(self):
        """By fitting again without each row."""
        ones = np.ones(len(self.x))
        return np.stack([self.losses(ones - e) for e in np.eye(len(self.x))]) - self.losses(ones)

    def slopes(self):
        """d L_t/d weight by central differences of fits: h^2 and eps/h are 1e-10."""
        ones, h = np.ones(len(self.x)), 1e-5
        sides = [
            np.stack([self.losses(ones + s * h * e) for e in np.eye(len(ones))]) for s in (1, -1)
        ]
        return (sides[0] - sides[1]) / (2 * h)


def called(method, g):
    return method(g.boosted, g.tx, g.ty)


def sized(n=60, T=4):
    """Rows and rounds."""
    return ground(Forest, n=n, trees=T)


def of(own=None, effect=None, call=called):
    """On sixty digits."""
    return Trial(
        partial(ground, Forest),
        call,
        own,
        effect,
        sized,
        {"n": (120, 240, 480), "T": (10, 20, 40)},
        "fits",
    )


TRIALS = {
    "leaf_refit": of(lambda g: g.removal, lambda _, found: numpy(found)),
    "leaf_influence": of(lambda g: g.slopes(), lambda _, found: -numpy(found)),
    "boost_in": of(None, lambda _, found: -numpy(found)),
    "trex": of(call=lambda f, g: f(g.boosted, g.tx).value),
}
