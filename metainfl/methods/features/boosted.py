"""scikit-learn's gradient boosting as a function of instance weights, the structure of its trees held fixed.

    theta_l = sum_{i in l} w_i r_i / sum_{i in l} w_i h_i,   f <- f + rate theta_{leaf(x)},   round by round
    squared    r = y - f,              h = 1,          f_0 = weighted mean of y
    logistic   r = y - sigmoid(f),     h = p (1 - p),  f_0 = logit of the weighted share of class 1
One Newton step a leaf, as scikit-learn has it; a leaf left without weight holds 0. f_0 is fitted again with
the leaves (`init="zero"` in the model: 0). The model is accepted where all this gives its own predictions
back to rounding.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
from torch import Tensor

from metainfl.errors import InvalidOption
from metainfl.methods.features import table

CLIP = float(np.finfo(np.float32).eps)  # scikit-learn's, of a prior


class Boosted:
    """A fitted GradientBoostingRegressor (squared_error) or binary GradientBoostingClassifier, and its data.

    x (n, d), y (n,) and sample_weight (n,) are what it was fitted to. Raises `InvalidOption` where the
    replay differs from the model: rows drawn (subsample), other data, another loss.
    """

    def __init__(self, model: Any, x: Any, y: Any, sample_weight: Any = None) -> None:
        self.model, self.logistic = model, isinstance(model, GradientBoostingClassifier)
        kind = "log_loss" if self.logistic else "squared_error"
        fits = isinstance(model, (GradientBoostingClassifier, GradientBoostingRegressor))
        if not fits or model.loss != kind or not hasattr(model, "estimators_"):
            raise InvalidOption(
                "give a fitted GradientBoostingRegressor(loss='squared_error') or binary "
                "GradientBoostingClassifier(loss='log_loss') of scikit-learn"
            )
        if self.logistic and len(model.classes_) != 2:
            raise InvalidOption(f"two classes are written out, the model has {len(model.classes_)}")
        if model.init not in (None, "zero"):
            raise InvalidOption("init must be None or 'zero': another model's fit is not replayed")
        self.trees, self.rate = [row[0] for row in model.estimators_], float(model.learning_rate)
        self.y, self.leaves = self.targets(y), self.leaf(x)
        n = len(self.y)
        given = np.ones(n) if sample_weight is None else np.asarray(sample_weight, dtype=float)
        self.w = torch.tensor(given, dtype=torch.float64, device="cpu")
        if self.leaves.shape[0] != n or self.w.shape != (n,):
            raise InvalidOption(f"x has {self.leaves.shape[0]} rows, y {n}, weights {len(given)}")
        if not bool((torch.isfinite(self.w) & (self.w > 0)).all()):
            raise InvalidOption("weights must be positive and finite; leave rows of weight 0 out")
        own = model.decision_function(x) if self.logistic else model.predict(x)
        gap = float(np.abs(self.raw(self.w, self.leaves).numpy() - own).max())
        if not gap <= 1e-9 * (1 + float(np.abs(own).max())):
            raise InvalidOption(
                f"replaying the model's leaves misses its predictions by {gap:.2g}: it was fitted to other "
                "data or weights, or to rows drawn at random (subsample < 1, which cannot be replayed)"
            )

    def targets(self, y: Any) -> Tensor:
        """Targets as the loss reads them (n,): 0 and 1 for classes."""
        if not self.logistic:
            return torch.tensor(table.numbers(y), dtype=torch.float64, device="cpu")
        y, classes = table.column(y), self.model.classes_
        if not np.isin(y, classes).all():
            raise InvalidOption(f"classes are {list(classes)}")
        return torch.tensor(y == classes[1], dtype=torch.float64, device="cpu")

    def leaf(self, x: Any) -> Tensor:
        """Which node of each tree holds each row of x (n, rounds)."""
        rows = table.inputs(x, self.model.n_features_in_)
        return torch.tensor(np.stack([t.apply(rows) for t in self.trees], axis=1), device="cpu")

    def asked(self, x: Any, y: Any) -> tuple[Tensor, Tensor]:
        """Leaves (m, rounds) and targets (m,) of what an estimator is asked about."""
        at, target = self.leaf(x), self.targets(y)
        if len(at) != len(target):
            raise InvalidOption(f"x has {len(at)} rows, y {len(target)}: give one target a row")
        return at, target

    def start(self, w: Tensor) -> Tensor:
        """f_0, a scalar."""
        if self.model.init == "zero":
            return w.new_zeros(())
        mean = (w * self.y).sum() / w.sum()
        return torch.logit(mean.clamp(CLIP, 1 - CLIP)) if self.logistic else mean

    def rounds(self, w: Tensor, at: Tensor) -> list[tuple[Tensor, Tensor, Tensor, Tensor]]:
        """Before each round: f of the data (n,), f at `at` (m,), values (nodes,) and sums of w h (nodes,)."""
        out = []
        f, there = self.start(w).expand(len(self.y)), self.start(w).expand(len(at))
        for r, tree in enumerate(self.trees):
            p = torch.sigmoid(f) if self.logistic else f
            h = p * (1 - p) if self.logistic else torch.ones_like(f)
            empty, leaf = w.new_zeros(tree.tree_.node_count), self.leaves[:, r]
            up, down = (
                empty.index_add(0, leaf, w * (self.y - p)),
                empty.index_add(0, leaf, w * h),
            )
            value = torch.where(down > 0, up / torch.where(down > 0, down, 1.0), 0.0)
            out.append((f, there, value, down))
            f, there = f + self.rate * value[leaf], there + self.rate * value[at[:, r]]
        return [*out, (f, there, w.new_zeros(0), w.new_zeros(0))]

    def raw(self, w: Tensor, at: Tensor) -> Tensor:
        """f at leaves `at` (m, rounds) for weights w (n,): (m,), differentiable in w."""
        return self.rounds(w, at)[-1][1]

    def loss(self, f: Tensor, y: Tensor) -> Tensor:
        """One loss an instance: (y - f)^2/2, or log(1 + exp(f)) - y f."""
        return torch.nn.functional.softplus(f) - y * f if self.logistic else 0.5 * (y - f) ** 2

    def slope(self, f: Tensor, y: Tensor) -> Tensor:
        """Its derivative in f."""
        return (torch.sigmoid(f) if self.logistic else f) - y
