"""CG stopped early against solving again: its rate beforehand, its residual afterwards.

    |x - x_n| <= 2 sqrt(k) ((sqrt(k) - 1)/(sqrt(k) + 1))^n |x|,    |x - x_n| <= |b - C x_n| / low
Both are asked; the smaller is the bound. The residual is the reference's, and what CG says of its own
residual has to agree with it.
"""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import metainfl as mi
from metainfl.advice.bounds import krylov
from metainfl.solve import CG
from metainfl.solve.precondition import jacobi
from properties.draw import fixed, questions
from properties.hold import holds, says_something


def stopped(q, n, preconditioned=False):
    """CG after at most `n` iterations; a preconditioner's rate is not known, its residual is."""
    own = {"preconditioner": jacobi} if preconditioned else {}
    solver = CG(max_iterations=n, rtol=1e-15, allow_unconverged=True, **own)
    move = q.edit(solver=solver)
    left = float(np.linalg.norm(q.off.T @ q.rhs - q.hessian @ (q.off.T @ move)))
    rate = krylov.iterations(q.high / q.low, n, q.steps)
    after = krylov.residual(left, q.low)
    return q.held(move, after if preconditioned else min(rate, after))


@given(q=questions(), n=st.integers(1, 8))
def test_cg_costs_its_rate_and_its_residual(q, n):
    """Guards a wrong step or direction: the rate is lost then."""
    holds(stopped, q, n=n)


@given(q=questions(kinds=["task", "support", "query"]), n=st.integers(1, 8))
def test_cg_says_its_residual(q, n):
    """Guards a recurrence that has drifted from b - C x."""
    solver = CG(max_iterations=n, rtol=1e-15, allow_unconverged=True)
    found = mi.influence(q.problem, [q.p], solver=solver)
    b, x = q.off.T @ q.rhs / q.coefficients[0], q.off.T @ found.value[0].numpy()
    left = np.linalg.norm(b - q.hessian @ x) / np.linalg.norm(b)
    assert abs(left - found.solve.residual) <= q.rounding / q.step * q.high / q.low


def test_the_bounds_say_something():
    """Guards a bound that holds because it is huge."""
    says_something(stopped, fixed(), [{"n": n} for n in (1, 2, 3, 4)])
