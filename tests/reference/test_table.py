"""The certification table: every line agrees, and the command says so."""

import subprocess
import sys

import pytest

from metainfl_reference.families import FAMILIES
from metainfl_reference.generators import tiny
from metainfl_reference.routes import routes
from metainfl_reference.second_route import highprec


@pytest.mark.slow
def test_every_line_agrees():
    lines = list(routes(seed=2))
    bad = [line for line in lines if not line.holds]
    assert not bad, bad
    assert {line.family for line in lines} >= set(FAMILIES)
    exact = [line for line in lines if line.route == "mpmath"]
    assert len(exact) == 2 * len(FAMILIES)  # the minimiser's influence and a run's, of every family
    # the second route is rounded to float64 at the end; what remains is the true error
    loose = [line for line in exact if line.agreement > line.bound + 2.3e-16]
    assert not loose, loose


@pytest.mark.parametrize("name", [n for n in FAMILIES if n != "proximal_softmax"])
def test_the_bound_covers_the_true_error(name):
    """lam* at 50 digits against lam* in float64: within the certificate."""
    family = tiny(name)
    at = family.solve()
    gap = abs(highprec.minimiser(family, at) - at.lam).max()
    assert gap <= at.certificate.bound < 1e-11


def test_bad_argument():
    done = subprocess.run(
        [sys.executable, "-m", "metainfl_reference", "--nonsense"], capture_output=True, text=True
    )
    assert done.returncode == 2 and "--errata" in done.stderr
