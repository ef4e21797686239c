"""A Newton step inside a ball, by conjugate gradients (Steihaug; Nocedal and Wright, algorithm 7.2).

A direction of negative curvature is followed to the edge of the ball.
"""

from __future__ import annotations

import torch
from torch import Tensor

from metainfl.derive.minimise import Minimisation, Products


def steihaug(
    products: Products,
    g: Tensor,
    radius: float,
    forcing: float,
    run: Minimisation,
    condition: float = 1.0,
) -> tuple[Tensor, str]:
    """A step s (p,) with g's + s'Hs/2 small in |s| <= radius, and how it ended: inside, edge or negative
    curvature.

    forcing: |H s + g| wanted, relative to |g|. condition: by how much rounding of a product has grown,
    so that it is not read as curvature.
    """
    step, r = torch.zeros_like(g), g.clone()
    d, rr = -r, float(r @ r)
    goal = (forcing * float(g.norm())) ** 2
    noise = min(torch.finfo(g.dtype).eps * len(g) * condition, 0.1)
    for _ in range(2 * len(g)):
        if rr <= goal:
            break
        hd = products(d)
        run.products += 1
        curvature, floor = float(d @ hd), noise * float(hd.norm()) * float(d.norm())
        if curvature <= -floor:
            return _to_edge(step, d, radius), "negative curvature"
        if curvature <= floor:
            break  # a direction without curvature: leave it alone
        alpha = rr / curvature
        if float((step + alpha * d).norm()) >= radius:
            return _to_edge(step, d, radius), "edge"
        step, r = step + alpha * d, r + alpha * hd
        new = float(r @ r)
        d, rr = -r + (new / rr) * d, new
    return step, "inside"


def _to_edge(step: Tensor, d: Tensor, radius: float) -> Tensor:
    """Along d to |step + t d| = radius, t > 0."""
    a, b, c = float(d @ d), float(step @ d), float(step @ step) - radius**2
    root = max(b * b - a * c, 0.0) ** 0.5
    t = (-b + root) / a if b <= 0 else -c / (b + root)
    return step + t * d
