"""The way down from a stationary point that is no minimum.

Steps from the gradient never leave a space that a symmetry holds them in (hidden units that start
alike stay alike); a random direction shows whether F falls outside of it.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from metainfl.derive.metric import affordable
from metainfl.derive.minimise import Minimisation, Objective, Products
from metainfl.problem.normal import normal

Found = Literal["minimum", "left", "held"]

LOOK = 40  # products with which negative curvature is looked for


def lowest(products: Products, like: Tensor, run: Minimisation) -> tuple[float, float, Tensor]:
    """Smallest and largest Ritz value after `LOOK` Lanczos steps, and the vector of the smallest."""
    q = normal(len(like), like=like)
    basis, image = [q / q.norm()], []
    for _ in range(min(LOOK, len(like))):
        image.append(products(basis[-1]))
        run.products += 1
        w, seen = image[-1], torch.stack(basis)
        size = float(w.norm())
        for _ in range(2):
            w = w - seen.T @ (seen @ w)
        if float(w.norm()) <= torch.finfo(w.dtype).eps ** 0.75 * size:
            break  # what this start can see is seen
        basis.append(w / w.norm())
    rows = torch.stack(basis[: len(image)])
    t = rows @ torch.stack(image).T
    values, inner = torch.linalg.eigh(0.5 * (t + t.T))
    return float(values[0]), float(values[-1]), rows.T @ inner[:, 0]


def escape(problem: Objective, run: Minimisation) -> Found:
    """Moves `run.lam` down along negative curvature, where there is some ("left"); "held" where F does not
    fall along it, "minimum" where there is none.
    """
    lam, value = run.lam, float(problem.objective(run.lam))
    if affordable(len(lam)):
        values, vectors = torch.linalg.eigh(problem.hessian(lam))
        run.products += len(lam)
        low, high, v = float(values[0]), float(values[-1]), vectors[:, 0]
    else:
        low, high, v = lowest(problem.products(lam), lam, run)
    eps = torch.finfo(lam.dtype).eps
    if low >= -(eps**0.5) * max(high, -low):
        return "minimum"
    length = 0.1 * (1 + float(lam.norm()))
    for _ in range(30):
        for sign in (1.0, -1.0):
            if float(problem.objective(lam + sign * length * v)) < value + 0.25 * low * length**2:
                run.lam, run.negative = lam + sign * length * v, run.negative + 1
                return "left"
        length *= 0.5
    return "held"
