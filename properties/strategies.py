"""Hypothesis strategies: problems from the generators, by seed and size."""

from hypothesis import strategies as st

from metainfl.oracle import small_case
from metainfl_reference.families import FAMILIES

NAMES = sorted(FAMILIES)
SMOOTH = [n for n in NAMES if n not in ("linear_representation", "prototypes")]

seeds = st.integers(0, 10_000)


@st.composite
def cases(draw, names=NAMES):
    """A small case of any of the named families."""
    return small_case(draw(st.sampled_from(names)), draw(seeds))
