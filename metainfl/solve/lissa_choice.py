"""LiSSA's scale and depth from the spectrum: what its recursion needs and papers leave to the user.

    scale   1 / b,  b the largest eigenvalue seen of H and of `draws` sampled batches A_j, a margin added
    depth   least J with (1 - scale low)^J <= rtol,  low the smallest eigenvalue of H that Lanczos sees
The recursion x <- x + scale (b - A_j x) contracts where 0 < scale A_j < 2; a batch has a larger spectrum
than the whole, so H's own bound is not enough. The bias of the mean falls as (1 - scale low)^J; the noise of
few-task batches does not fall with depth, only with repeats. Cost: `steps` products with H, and as many with
each of the drawn batches.
"""

from __future__ import annotations

import math

import torch

from metainfl.errors import InvalidOption, SingularHessian
from metainfl.solve import given
from metainfl.solve.lissa import LiSSA
from metainfl.solve.operator import SymmetricOperator
from metainfl.solve.spectrum import lanczos

MARGIN = 1.1  # batches that were not drawn may reach a little higher


def lissa_for(
    a: SymmetricOperator,
    *,
    batch: int,
    rtol: float = 1e-2,
    repeats: int = 4,
    seed: int = 0,
    draws: int = 5,
    steps: int = 20,
    most: int = 100_000,
    allow_unconverged: bool = False,
) -> LiSSA:
    """A `LiSSA` for A, with scale and depth chosen.

    Raises `SingularHessian` where an eigenvalue seen is not positive, and `InvalidOption` where more than
    `most` steps would be needed.
    """
    draws, steps = given.count(draws, "draws", 1), given.count(steps, "steps", 1)
    batch, most = given.count(batch, "batch", 1), given.count(most, "most", 1)
    rtol, seed = given.share(rtol, "rtol"), given.seed(seed)
    inside = a.restricted()
    whole = lanczos(inside, min(steps, inside.rank))
    low = max(whole.low, a.low or -math.inf) if not whole.whole else whole.low
    if not low > 0:
        raise SingularHessian(
            f"LiSSA needs a positive definite matrix, and an eigenvalue of about {low:.2g} was seen: raise "
            f"the damping by {2 * abs(low):.2g} or more",
            lowest=low,
            highest=whole.high,
            damping=2 * abs(low),
        )
    draw = torch.Generator().manual_seed(seed + 1)
    batches = [inside.sampled(batch, draw) for _ in range(draws)]
    high = max([whole.high, *(lanczos(b, min(steps, b.rank)).high for b in batches)])
    scale = 1 / (MARGIN * high)
    depth = math.ceil(math.log(rtol) / math.log1p(-scale * low))
    if depth > most:
        raise InvalidOption(
            f"LiSSA would need {depth} steps for a bias of {rtol:g} (condition number about "
            f"{high / low:.2g}): take metainfl.solve.CG, add damping, or raise rtol or most"
        )
    return LiSSA(
        batch=batch,
        depth=depth,
        scale=scale,
        repeats=repeats,
        seed=seed,
        rtol=rtol,
        allow_unconverged=allow_unconverged,
    )
