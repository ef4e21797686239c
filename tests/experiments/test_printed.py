"""The errata of paper 004 on and off: the corrected formula is production's, others differ as they say."""

import pytest
import torch

from metainfl.experiments.paper_004.active import trained
from metainfl.experiments.paper_004.planes import plane
from metainfl.experiments.paper_004.printed import FORMULAS, fi_active_by, fi_util_by, shared
from metainfl.experiments.paper_004.single_level import single
from metainfl.methods.implicit.fi_active import fi_active
from metainfl.methods.implicit.influence_measure import fi_util
from metainfl.problem.perturbation import query

N, SIZE = 12, 5


def test_fi_util_by_each_formula():
    """Guards a factor that a formula does not print, and one that is left out."""
    problem, (_, valid, _), _ = plane("linear", "small", 0, (N, SIZE, 4))
    targets = single(*valid)
    found = {f: fi_util_by(f, problem, targets) for f in FORMULAS}
    right = fi_util(problem, [query(0, j) for j in range(N)], targets) / SIZE**2
    assert (found["corrected"] - right).abs().max() < 1e-12 * right.max()
    assert (found["algorithms"] - SIZE**2 * found["eq. 2.2"]).abs().max() < 1e-9 * right.max()
    for other in ("eq. 2.2", "eq. A.6"):
        assert (found[other] / right - 1).abs().max() > 0.05


def test_fi_active_by_each_formula():
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(N, 16, generator=draw, dtype=torch.float64)
    y = torch.eye(10, dtype=torch.float64)[torch.randint(0, 10, (N,), generator=draw)]
    problem, _ = trained(x, y)
    pool = single(torch.randn(6, 16, generator=draw, dtype=torch.float64), y[:6])
    right = fi_active(problem, [query(0, j) for j in range(N)], pool, trim=0.1)[0]
    found = {f: fi_active_by(f, problem, pool) for f in FORMULAS}
    assert (found["corrected"] - right).abs().max() < 1e-12 * right.max()
    assert (found["algorithms"] / found["eq. 2.2"] - N**2).abs().max() < 1e-6 * N**2
    assert (found["eq. 2.2"] / right - 1).abs().max() > 0.05


def test_shared():
    a, b = torch.tensor([4.0, 3, 2, 1]), torch.tensor([1.0, 4, 2, 3])
    assert shared(a, b, 2) == pytest.approx(0.5) and shared(a, a, 3) == 1
