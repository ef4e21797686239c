"""Truncated inverses against solving again: what is cut, |(I - U U') b| over the smallest eigenvalue.

Lanczos short of the whole space keeps Ritz pairs, whose residual E = C U - U S counts too.
"""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from metainfl.advice.bounds import truncation
from metainfl.curvature import exact
from metainfl.solve import Lanczos, PseudoInverse
from metainfl.solve.spectrum import leading
from properties.draw import fixed, questions
from properties.hold import holds, says_something

EQUAL = 1e-9  # eigenvalues nearer than this share of the largest are one cluster, kept whole


def pseudo_inverse(q, share, by="keep"):
    """The leading `share` of the eigenpairs, asked for by number or by threshold."""
    first = first_kept(q, share)
    values, vectors = q.eigen
    threshold = values[first] / values[-1] * (1 - 1e-6)
    solver = {
        "keep": PseudoInverse(keep=len(values) - first),
        "rtol": PseudoInverse(rtol=float(threshold)),
        "Lanczos": Lanczos(len(values) - first, steps=len(values)),
    }[by]
    dropped = vectors[:, :first].T @ q.rhs
    floor = values[first] * (1 - 1e-9)
    return q.held(
        q.edit(solver=solver),
        truncation.truncation(float(np.linalg.norm(dropped)), q.low),
        definition=q.solved(lambda s: np.where(s >= floor, 1 / s, 0.0)),
    )


def ritz(q, share, steps):
    """Lanczos from fewer products than there are dimensions; its pairs are judged by the reference."""
    rank = len(q.eigen[0]) - first_kept(q, share)
    steps = min(max(rank, int(steps * len(q.eigen[0]))), len(q.eigen[0]))
    found = leading(exact(q.problem), rank, steps)
    u, s = found.vectors.numpy(), found.values.numpy()
    if s[0] <= 0:
        return None
    inside = (u.T @ q.rhs) / s
    hessian = q.off @ q.hessian @ q.off.T
    bound = truncation.truncation(
        float(np.linalg.norm(q.rhs - u @ (u.T @ q.rhs))),
        q.low,
        float(np.linalg.norm((hessian @ u - u * s) @ inside)),
    )
    solver = Lanczos(rank, steps=steps, rtol=0.99, allow_unconverged=True)
    return q.held(q.edit(solver=solver), bound, definition=u @ inside)


def first_kept(q, share):
    """Index of the smallest pair kept, moved down to where a gap is."""
    values = q.eigen[0]
    first = min(int((1 - share) * len(values)), len(values) - 1)
    while first and values[first] - values[first - 1] <= EQUAL * values[-1]:
        first -= 1
    return first


@given(q=questions(), share=st.floats(0.1, 1), by=st.sampled_from(["keep", "rtol", "Lanczos"]))
def test_truncation_costs_what_is_cut(q, share, by):
    """Guards the wrong end of the spectrum, one pair too few, an inverse not taken."""
    holds(pseudo_inverse, q, share=share, by=by)


@given(q=questions(), share=st.floats(0.1, 1), steps=st.floats(0.1, 1))
def test_ritz_pairs_cost_their_residual_too(q, share, steps):
    """Guards Ritz pairs that are taken for eigenpairs."""
    holds(ritz, q, share=share, steps=steps)


def test_the_bounds_say_something():
    """Guards a bound that holds because it is huge."""
    options = [{"share": s, "by": b} for s in (0.3, 0.6, 0.9) for b in ("keep", "Lanczos")]
    says_something(pseudo_inverse, fixed(), options)
    says_something(ritz, fixed(), [{"share": s, "steps": t} for s in (0.2, 0.4) for t in (0.5, 1)])
