"""EK-FAC and K-FAC against solving again, in place of H and in place of the inner inverse.

In place of H (single-level problems) the bound is that of another matrix. In place of H_in^{-1} both the
matrix and the right-hand side are others, and second derivatives of theta are left out of the matrix:
    |C'^{-1} b' - C^{-1} b| <= |C - C'| |b| / (low low') + |b' - b| / low'
The sampled Fisher matrix has no bound beforehand: what is drawn enters through eigenvectors, of which
no mean is known. The same bound holds for what was drawn, but C' would be production's own word.
"""

from functools import partial

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from metainfl.adaptation import KroneckerInverse, approximately
from metainfl.adaptation.approximate import diagonal_inverse, exact_inverse
from metainfl.advice.bounds import curvature, right_hand_side
from metainfl.curvature import kronecker
from metainfl.kronecker import Recipe
from metainfl.methods import Method
from properties import twins
from properties.draw import SINGLE, fixed, questions
from properties.hold import holds, says_something

PROXIMAL = ("proximal_ridge", "proximal_softmax")
INNER = ("EK-FAC", "K-FAC", "frozen", "diagonal")


def layer(q, fisher, corrected, d=0.0):
    """H of a linear layer by its factors, over all tasks' instances; damping is part of C'."""
    f, s = q.case.family, q.case.solution
    e = f.episodes
    w = (s.weights.task[:, None] * s.weights.query).reshape(-1)
    x, y = e.query_x.reshape(len(w), -1), e.query_y.reshape(len(w), -1)
    other = twins.kronecker(twins.loss(q), x, y, w, s.lam, fisher, corrected)
    other = other + (f.d_out + d) * np.eye(f.n_meta)
    how = partial(kronecker, recipe=Recipe(fisher, corrected))
    return _held(q, q.edit(curvature=how, damping=d), other, q.rhs)


def inner_inverse(q, name):
    """Task-IF with another inner inverse."""
    chosen = {"EK-FAC": KroneckerInverse(), "K-FAC": KroneckerInverse(corrected=False),
              "frozen": exact_inverse, "diagonal": diagonal_inverse}[name]  # fmt: skip
    own = partial(_inner, name=name)
    method = Method(name, "", derivative=approximately(chosen))
    return _held(q, q.by(method), twins.gauss_newton(q, own), twins.chord_rhs(q, own).sum(axis=1))


def _inner(q, local, data, name):
    """B of one task."""
    d_in, theta = q.case.family.d_in, local.theta
    if name == "frozen":
        return local.jacobian / d_in
    if name == "diagonal":
        return np.diag(1 / np.diag(np.linalg.inv(local.jacobian / d_in)))
    factors = twins.kronecker(
        twins.loss(q), data.support_x, data.support_y, data.u, theta, "type-2", name == "EK-FAC"
    )
    return np.linalg.inv(factors + d_in * np.eye(len(theta)))


def _held(q, move, other, rhs):
    low = float(np.linalg.eigvalsh(other)[0])
    if low <= 1e-6 * q.high:
        return None
    own = curvature.curvature(np.linalg.norm(other - q.hessian, 2), q.low, low, q.size)
    own += right_hand_side.right_hand_side(np.linalg.norm(rhs - q.rhs), low)
    want = np.linalg.solve(other, rhs)
    rounding = q.rounding * max(1.0, q.low / low) * (1 + np.linalg.norm(want) / q.numbers)
    return q.held(move, own, definition=want, rounding=rounding)


@given(
    q=questions(SINGLE),
    fisher=st.sampled_from(["type-2", "empirical"]),
    corrected=st.booleans(),
    d=st.floats(0, 10),
)
def test_kronecker_factors_cost_their_distance(q, fisher, corrected, d):
    """Guards a factor divided twice, a weight or damping left out or taken twice, values not corrected."""
    holds(layer, q, fisher=fisher, corrected=corrected, d=d)


@given(q=questions(PROXIMAL, ("task", "query")), name=st.sampled_from(INNER))
def test_an_inner_inverse_costs_its_distance(q, name):
    """Guards inner damping left out, support weights ignored, a Jacobian scaled twice."""
    holds(inner_inverse, q, name=name)


def test_the_bounds_say_something():
    """Guards a bound that holds because it is huge."""
    options = [
        {"fisher": f, "corrected": c} for f in ("type-2", "empirical") for c in (True, False)
    ]
    says_something(layer, fixed(SINGLE, each=5), options)
    asked = fixed(PROXIMAL, ("task", "query"), each=5)
    says_something(inner_inverse, asked, [{"name": n} for n in INNER])
