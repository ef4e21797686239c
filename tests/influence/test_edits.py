"""Nothing asked is answered with nothing: no edits, no columns; and edits that are none are named."""

import pytest
import torch

import metainfl as mi
from metainfl.errors import InvalidRecipe
from metainfl.influence import adapted
from metainfl.training import SGD, Recipe, train

D = torch.float64
ADAPTATIONS = [mi.NoAdaptation(), mi.Proximal(1.0), mi.ProximalRidge(1.0), mi.Unrolled(1, 0.1)]


def problem(adaptation):
    g = torch.Generator().manual_seed(0)
    x, y = (torch.randn(3, 4, k, dtype=D, generator=g) for k in (3, 2))
    return mi.Problem(mi.Linear(3, 2), mi.Tasks(x, y, x, y), adaptation, outer_reg=0.5,
                      lam=torch.ones(6, dtype=D))  # fmt: skip


@pytest.mark.parametrize("edits", [torch.zeros(0, 6, dtype=D), [], ()])
@pytest.mark.parametrize("adaptation", ADAPTATIONS)
def test_no_edits(adaptation, edits):
    """Guards torch's complaint about an empty list."""
    p = problem(adaptation)
    assert mi.removal.readapted(p, edits, p.tasks).shape == (0, 3, 6)
    assert mi.removal.target_losses(p, edits, p.tasks).shape == (0, 3)
    assert adapted.adaptation_influence(p, edits, p.tasks).shape == (3, 0, 6)


def test_no_edits_of_ragged_targets():
    """Guards an empty answer of another width."""
    p = problem(mi.Unrolled(1, 0.1))
    pick = [p.tasks.select([0]), p.tasks.select([1])]
    one = [
        {n: getattr(t, n)[0] for n in ("support_x", "support_y", "query_x", "query_y")}
        for t in pick
    ]
    one[1] = {n: t[:2] for n, t in one[1].items()}
    targets = mi.Tasks.ragged(one)
    assert mi.removal.readapted(p, [], targets).shape == (0, 2, 6)
    assert mi.removal.target_losses(p, [], targets).shape == (0, 2)


@pytest.mark.parametrize("adaptation", ADAPTATIONS)
def test_edits_in_a_list_are_those_of_a_tensor(adaptation):
    """Guards rows that are read in another order, or dropped."""
    p = problem(adaptation)
    edits = torch.randn(2, 6, dtype=D, generator=torch.Generator().manual_seed(1))
    for f in (mi.removal.readapted, mi.removal.target_losses):
        assert torch.equal(f(p, list(edits), p.tasks), f(p, edits, p.tasks))
        assert torch.equal(f(p, edits, p.tasks)[1], f(p, edits[1:], p.tasks)[0])


@pytest.mark.parametrize(
    "edits",
    [torch.ones(6, dtype=D), torch.ones(2, 5, dtype=D), 3.0, None, [1.0], torch.ones(1, 1, 6)],
)
@pytest.mark.parametrize("adaptation", ADAPTATIONS[:2])
def test_edits_of_another_shape(adaptation, edits):
    """Guards edits that are read number by number: (6, 3) was returned for one lam (6,)."""
    p = problem(adaptation)
    for f in (mi.removal.readapted, mi.removal.target_losses):
        with pytest.raises(mi.InvalidProblem, match=r"edits.*\(n, 6\)"):
            f(p, edits, p.tasks)
    with pytest.raises(mi.InvalidProblem, match=r"influence.*\(n, 6\)"):
        adapted.adaptation_influence(p, edits, p.tasks)


def test_edits_that_are_not_finite_or_not_real():
    """Guards parameters that are NaN without a word, and an imaginary part that is dropped."""
    p = problem(mi.Unrolled(1, 0.1))
    edits = torch.zeros(3, 6, dtype=D)
    edits[1, 2] = float("nan")
    for f in (mi.removal.readapted, mi.removal.target_losses):
        with pytest.raises(mi.NotFinite, match="row 1 of edits is not finite"):
            f(p, edits, p.tasks)
        with pytest.raises(mi.InvalidProblem, match="edits must be real"):
            f(p, torch.zeros(1, 6, dtype=torch.complex128), p.tasks)


@pytest.mark.parametrize("adaptation", ADAPTATIONS)
@pytest.mark.parametrize("curvature", [mi.curvature.exact, mi.curvature.gauss_newton])
def test_no_columns(adaptation, curvature):
    """Guards an assertion of torch's own about an empty list of arguments."""
    p, none = problem(adaptation), torch.zeros(6, 0, dtype=D)
    assert (curvature(p) @ none).shape == (6, 0)
    assert p.hessian_product(p.lam, none).shape == (6, 0)
    assert p.products(p.lam)(none).shape == (6, 0)


def test_no_seeds():
    """Guards an IndexError of a run's derivative."""
    p = problem(mi.Unrolled(1, 0.1))
    run = train(p, Recipe(optimiser=SGD(), rate=0.1, steps=1), progress=False)
    with pytest.raises(InvalidRecipe, match=r"seeds must be a tensor \(m, 6\)"):
        run.sensitivities(torch.zeros(0, 6, dtype=D))
