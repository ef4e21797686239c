"""What dense Newton calls a minimum: slope along directions of little curvature, and scales far from 1."""

import pytest
import torch

import metainfl as mi


def least_squares(x, y, **options):
    """One task, F = sum over queries of (x lam - y)^2 / 2, or as `options` say."""
    tasks = mi.Tasks(x[None], y[None, :, None], x[None], y[None, :, None])
    return mi.Problem(mi.Linear(x.shape[1], 1), tasks, mi.NoAdaptation(), **options)


def data(rows=8, columns=2):
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(rows, columns, generator=draw, dtype=torch.float64)
    return x, torch.randn(rows, generator=draw, dtype=torch.float64)


def test_a_slope_without_curvature_is_no_minimum():
    """Guards a certificate that looks at curvature alone: F is linear here, and has no minimum."""
    x, y = data()
    problem = least_squares(x.abs(), y, inner_loss=lambda o, _: o.sum(1), outer_reg=0.0)
    with pytest.raises(mi.NotConverged, match="no positive curvature"):
        problem.solve()
    assert not problem.minimisation.converged


@pytest.mark.parametrize("small", [1.0, 3e-5, 1e-6])
def test_a_small_feature_is_no_symmetry(small):
    """Guards directions dropped for their curvature without a look at their slope."""
    x, y = data()
    x = x * torch.tensor([1.0, small], dtype=torch.float64)
    y = 5 * y + 3e4 * small * (x[:, 1] / small) + x[:, 0]
    problem = least_squares(x, y, outer_reg=0.0)
    problem.solve()
    want = torch.linalg.lstsq(x, y[:, None]).solution[:, 0]
    assert float(problem.objective(problem.lam)) == pytest.approx(float(problem.objective(want)))
    problem.check_stationary()


@pytest.mark.parametrize(("dtype", "scale"), [(torch.float32, 1e-7), (torch.float64, 1e-100)])
def test_a_small_answer_is_found(dtype, scale):
    """Guards a stop at a step that is small only against 1: lam itself is this small."""
    x, y = data()
    x, y = x.to(dtype), (y * scale).to(dtype)
    problem = least_squares(x, y, outer_reg=0.1)
    problem.solve()
    assert problem.minimisation.residual <= torch.finfo(dtype).eps ** 0.625
    problem.check_stationary()


def test_targets_fitted_exactly_are_a_minimum():
    """Guards a gradient judged against terms that all vanish by themselves."""
    x, _ = data()
    y = x @ torch.tensor([1.0, -2.0], dtype=torch.float64)
    problem = least_squares(x, y, outer_reg=0.0)
    problem.solve()
    assert problem.minimisation.converged
    problem.check_stationary()
