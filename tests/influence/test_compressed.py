"""Compressed influences: right on average, off by what they say, and the same from a file."""

import numpy as np
import pytest
import torch

import metainfl as mi
from metainfl.errors import InvalidOption, InvalidProblem, NotFinite
from metainfl.influence.sketch import ROWS, sketched


def test_dot_products_survive_with_the_variance_that_is_said():
    """Guards a factor, and signs that are no draw: over 400 seeds, 5 standard errors each."""
    draw = torch.Generator().manual_seed(0)
    x, y = torch.randn(2, 3, 700, generator=draw, dtype=torch.float64)
    y[0] = x[0]  # the variance is smallest here: signs of one entry always agree with themselves
    size, seeds = 32, 400
    found = torch.stack(
        [(sketched(x, size, s) * sketched(y, size, s)).sum(1) for s in range(seeds)]
    )
    want = (x * y).sum(1)
    exact = (
        x.square().sum(1) * y.square().sum(1) + want.square() - 2 * (x * y).square().sum(1)
    ) / size
    assert ((found.mean(0) - want).abs() <= 5 * (exact / seeds).sqrt()).all()
    spread = (found - want).square().mean(0) / exact
    assert ((spread - 1).abs() < 5 * (2 / seeds) ** 0.5).all()


def test_signs_stay_what_they_are():
    """Guards files that a later numpy, or another number of rows at a time, would read otherwise."""
    eye = torch.eye(ROWS + 2, dtype=torch.float64)[[0, 1, ROWS]]
    raw = [np.random.Philox(key=[3, b]).random_raw(2) for b in (0, 1)]
    bits = [[(int(w) >> i) & 1 for w in words for i in range(64)] for words in raw]
    want = [bits[0][:5], bits[0][5:10], bits[1][:5]]
    found = (sketched(eye, 5, 3) * 5**0.5).round()
    assert found.tolist() == [[2 * b - 1 for b in row] for row in want]


def network():
    g = torch.Generator().manual_seed(1)
    data = [torch.randn(12, n, d, generator=g, dtype=torch.float64) for n in (3, 4) for d in (6, 2)]
    net = torch.nn.Sequential(torch.nn.Linear(6, 30), torch.nn.Tanh(), torch.nn.Linear(30, 2))
    problem = mi.Problem(net.double(), mi.Tasks(*data), mi.Unrolled(1, 0.1), outer_reg=1.0)
    problem.lam = problem.own_start()
    return problem


def test_scores_are_off_by_their_deviation(tmp_path):
    """Against the scores of the influences themselves; from a file the same to the last digit."""
    problem, g = network(), torch.Generator().manual_seed(2)
    asked, targets = [mi.task(k) for k in range(12)], problem.tasks.select([0, 5, 7])
    value = torch.randn(12, problem.n_meta, generator=g, dtype=torch.float64)
    stored = mi.Stored(value, asked, problem.lam)
    small = stored.compressed(64, seed=5)
    assert small.rows.dtype == torch.float32 and small.rows.shape == (12, 64)
    found, want = small.scores(problem, targets), stored.scores(problem, targets)
    off = (found.value - want) / found.deviation
    assert off.abs().max() < 5 and 0.5 < off.square().mean().sqrt() < 1.5
    mi.save(tmp_path / "small", small)
    again = mi.load(tmp_path / "small").scores(problem, targets)
    assert torch.equal(again.value, found.value) and torch.equal(again.deviation, found.deviation)
    assert (tmp_path / "small").stat().st_size < 12 * 64 * 4 + problem.n_meta * 8 + 4096
    with pytest.raises(InvalidProblem, match="another lam"):
        small.scores(problem.replaced(lam=2 * problem.lam), targets)


def test_what_float32_does_not_hold_is_told():
    """Guards infinities in the rows that are kept, and NaN scores."""
    problem = network()
    value = torch.full((1, problem.n_meta), 1e60, dtype=torch.float64)
    stored = mi.Stored(value, [mi.task(0)], problem.lam)
    with pytest.raises(NotFinite, match="float32 holds none of their size"):
        stored.compressed(8)
    found = stored.compressed(8, dtype=torch.float64).scores(problem, problem.tasks.select([0]))
    assert torch.isfinite(found.value).all() and torch.isfinite(found.deviation).all()


@pytest.mark.parametrize(
    "options, words",
    [
        ({"size": 0}, "size must be a whole number of at least 1"),
        ({"size": 272}, "no fewer than its 272 influences"),
        ({"size": 8, "seed": -1}, "seed must be a whole number"),
        ({"size": 8, "dtype": torch.float16}, "dtype is torch.float32 or"),
    ],
)
def test_what_compresses_nothing_is_told(options, words):
    problem = network()
    stored = mi.Stored(torch.ones(1, problem.n_meta), [mi.task(0)], problem.lam)
    with pytest.raises(InvalidOption, match=words):
        stored.compressed(**options)
