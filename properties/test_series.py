"""The Neumann series against solving again: its rate to the number of terms.

|x - x_J| <= max |1 - c s|^(J + 1) |x|
"""

from hypothesis import given
from hypothesis import strategies as st

from metainfl.advice.bounds import series
from metainfl.solve import Neumann
from properties.draw import fixed, questions
from properties.hold import holds, says_something


def neumann(q, terms, share):
    """`terms` corrections at `share` of 1 / high, the ends of the spectrum found by the solver."""
    c = share / q.high
    solver = Neumann(terms=terms, scale=c, rtol=1e-14, allow_unconverged=True)
    return q.held(
        q.edit(solver=solver),
        series.neumann(q.low, q.high, c, terms, q.step),
        definition=q.solved(lambda s: (1 - (1 - c * s) ** (terms + 1)) / s),
    )


@given(q=questions(), terms=st.integers(0, 60), share=st.floats(0.1, 1.8))
def test_a_series_costs_its_rate(q, terms, share):
    """Guards a term too few, a sign, a scale used once."""
    holds(neumann, q, terms=terms, share=share)


def test_the_bound_says_something():
    """Guards a bound that holds because it is huge."""
    options = [{"terms": t, "share": s} for t in (0, 3, 12, 40) for s in (0.5, 1.0)]
    says_something(neumann, fixed(), options)
