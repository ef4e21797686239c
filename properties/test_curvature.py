"""Another matrix in place of H against solving again: |C - C'| |b| over both smallest eigenvalues.

C' is written out in numpy (`twins`). Where it is not positive definite there is no bound: Theorem 5.1's
Gamma with a direct term may be indefinite, and production refuses it then.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metainfl import curvature as of
from metainfl.advice.bounds import curvature
from metainfl.errors import SingularHessian
from properties import twins
from properties.draw import NAMES, fixed, questions
from properties.hold import holds, says_something

TWINS = {
    "gauss_newton": twins.gauss_newton,
    "gamma": twins.gamma,
    "empirical_fisher": twins.empirical_fisher,
    "identity": lambda q: np.eye(q.case.family.n_meta),
}
ANY = ("empirical_fisher", "identity")  # written for every family


def stood_in(q, name):
    """The edit with one of them, in the space off the flat directions."""
    if name not in ANY and q.case.family.name not in twins.LINEAR:
        return None
    other = q.off.T @ TWINS[name](q) @ q.off
    low = float(np.linalg.eigvalsh(other)[0])
    if low <= 1e-6 * q.high:
        with pytest.raises(SingularHessian):
            q.edit(curvature=getattr(of, name), damping=max(0.0, -low / 2))
        return None
    want = q.off @ np.linalg.solve(other, q.off.T @ q.rhs)
    own = curvature.curvature(np.linalg.norm(other - q.hessian, 2), q.low, low, q.size)
    rounding = q.rounding * max(1.0, q.low / low) * (1 + np.linalg.norm(want) / q.numbers)
    move = q.edit(curvature=getattr(of, name))
    return q.held(move, own, definition=want, rounding=rounding)


@given(q=questions(), name=st.sampled_from(ANY))
def test_another_matrix_costs_its_distance(q, name):
    """Guards a regulariser left out or a weight not taken, on every family."""
    holds(stood_in, q, name=name)


@given(q=questions(twins.LINEAR), name=st.sampled_from(sorted(set(TWINS) - set(ANY))))
def test_gauss_newton_and_gamma_cost_their_distance(q, name):
    """Guards a term left out: the direct one, the regulariser, the Jacobian of the adaptation."""
    holds(stood_in, q, name=name)


def test_the_bound_says_something():
    """Guards a bound that holds because it is huge."""
    says_something(stood_in, fixed(NAMES), [{"name": n} for n in ANY])
    says_something(stood_in, fixed(twins.LINEAR), [{"name": n} for n in ("gauss_newton", "gamma")])
