"""Kind guarded: chains of refusals, options that exist in one place only, and losses that mix instances."""

import pytest
import torch

import metainfl as mi
from tests.helpers import assert_close


def tasks_of(n=4):
    g = torch.Generator().manual_seed(1)
    x = torch.randn(n, 5, 3, generator=g, dtype=torch.float64)
    y = torch.randn(n, 5, 2, generator=g, dtype=torch.float64)
    return mi.Tasks(x, y, x, y)


def saddle():
    """A one-hidden-layer network at a random point: not stationary, its Hessian indefinite."""
    torch.manual_seed(3)
    net = torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2)
    ).double()
    return mi.Problem(
        net, tasks_of(), mi.Unrolled(1, 0.3), outer_reg=1e-3, lam=mi.FromModule(net).current()
    )


def test_everything_that_is_wrong_is_said_at_once_with_amounts():
    problem = saddle()
    with pytest.raises(mi.MetainflError) as caught:
        mi.influence(problem, [mi.task(9), mi.support(0, 77)], damping=-1.0)
    text = str(caught.value)
    assert "task 9" in text and "support 0.77" in text and "damping" in text
    with pytest.raises(
        mi.NotStationary, match=r"\. At this lam the Hessian has .* damping above"
    ) as caught:
        mi.influence(problem, [mi.task(0)])
    amount = float(str(caught.value).split("(damping=")[1].split(",")[0])
    found = mi.influence(problem, [mi.task(0)], damping=amount, allow_nonstationary=True)
    assert torch.isfinite(found.value).all()
    gauss_newton = {"curvature": mi.curvature.gauss_newton, "allow_nonstationary": True}
    assert torch.isfinite(mi.influence(problem, [mi.task(0)], **gauss_newton).value).all()


@pytest.mark.parametrize("edit", [mi.task_if, mi.removal.first_order, mi.removal.second_order])
def test_what_an_error_recommends_exists_everywhere(edit):
    problem = saddle()
    with pytest.raises(mi.NotStationary):
        edit(problem, [mi.task(0)])
    how = {"damping": 50.0, "allow_nonstationary": True, "curvature": mi.curvature.gauss_newton}
    assert edit(problem, [mi.task(0)], **how).shape == (1, problem.n_meta)


def test_a_point_that_fits_every_task_is_stationary_and_singular():
    """Kind guarded: a residual that compares rounding with rounding (interpolation)."""
    g = torch.Generator().manual_seed(0)
    truth = torch.randn(30, 1, generator=g, dtype=torch.float64)
    x = torch.randn(3, 4, 30, generator=g, dtype=torch.float64)
    tasks = mi.Tasks(x, x @ truth, x, x @ truth)
    problem = mi.Problem(mi.Linear(30, 1), tasks, mi.NoAdaptation(), outer_reg=0.0, lam=truth[:, 0])
    assert problem.check_stationary() < 1e-12
    with pytest.raises(mi.SingularHessian):
        mi.influence(problem, [mi.task(0)])


def test_a_loss_that_broadcasts_is_refused():
    def careless(outputs, targets):
        return (outputs - targets).square().mean(-1)

    t = tasks_of()
    flat = mi.Tasks(t.support_x, t.support_y[..., 0], t.query_x, t.query_y[..., 0])
    problem = mi.Problem(mi.Linear(3, 1), flat, mi.NoAdaptation(), inner_loss=careless,
                         outer_reg=1.0, lam=torch.ones(3))  # fmt: skip
    with pytest.raises(mi.InvalidProblem, match="broadcast"):
        mi.influence(problem, [mi.task(0)])


@pytest.mark.parametrize("adaptation", [mi.NoAdaptation(), mi.Unrolled(1, 0.05)])
def test_integer_targets_that_are_no_classes(adaptation):
    """Counts with a Poisson loss on one output: labels above the number of outputs are fine."""

    def poisson(outputs, counts):
        return outputs[:, 0].exp() - counts * outputs[:, 0]

    t = tasks_of()
    y = torch.randint(0, 9, (4, 5), generator=torch.Generator().manual_seed(0))
    problem = mi.Problem(mi.Linear(3, 1), mi.Tasks(t.support_x, y, t.query_x, y), adaptation,
                         inner_loss=poisson, outer_reg=1.0)  # fmt: skip
    problem.solve()
    assert torch.isfinite(mi.influence(problem, [mi.task(0), mi.query(1, 2)]).value).all()


def test_rates_by_name_equal_a_flat_vector_of_rates():
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2)
    ).double()
    lam = mi.FromModule(net).current()
    flat = torch.tensor([0.2] * 12 + [0.1] * 4 + [0.3] * 10, dtype=torch.float64)
    named = {"0.weight": 0.2, "": 0.1, "2": 0.3}
    both = [mi.Problem(net, tasks_of(), mi.Unrolled(2, r), outer_reg=0.1) for r in (flat, named)]
    assert_close(both[1].gradient(lam), both[0].gradient(lam), 1e-14)
    with pytest.raises(mi.InvalidProblem, match=r"no rate for parameter '2\.bias'"):
        mi.Problem(net, tasks_of(), mi.Unrolled(1, {"0": 0.1, "2.weight": 0.1}), outer_reg=0.1)
    with pytest.raises(mi.InvalidProblem, match="belong to no parameter"):
        mi.Problem(net, tasks_of(), mi.Unrolled(1, {"": 0.1, "7": 0.1}), outer_reg=0.1)


def test_a_prior_precision_a_parameter_equals_its_definition():
    tasks = tasks_of()
    precision = torch.linspace(0.5, 3.0, 6, dtype=torch.float64)
    problem = mi.Problem(mi.Linear(3, 2), tasks, mi.Unrolled(1, 0.05), outer_reg=precision)
    plain = problem.replaced(outer_reg=0.0)
    lam = torch.randn(6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert_close(problem.gradient(lam), plain.gradient(lam) + precision * lam, 1e-13)
    assert_close(problem.hessian(lam), plain.hessian(lam) + torch.diag(precision), 1e-13)
    want = plain.objective(lam) + 0.5 * (precision * lam**2).sum()
    assert_close(problem.objective(lam), want, 1e-13)
    problem.solve()
    dense = mi.influence(problem, [mi.task(1)]).value
    assert_close(mi.influence(problem, [mi.task(1)], solver=mi.solve.CG()).value, dense, 1e-8)
    with pytest.raises(mi.InvalidProblem, match="one precision a meta-parameter"):
        problem.replaced(outer_reg=precision[:3])


def smooth(outputs, targets):
    """Each instance's own loss, and the jump from the one before: the first has none."""
    jumps = (outputs[1:] - outputs[:-1]).square()[:, 0]
    return (outputs - targets).square()[:, 0] + torch.cat([outputs[:1, 0] * 0, jumps])


def test_a_loss_that_reads_its_neighbour_is_refused():
    """Guards a mixing of instances that leaves the first alone: Hessians were made instance by instance."""
    g = torch.Generator().manual_seed(0)
    x, y = (torch.randn(3, 8, d, generator=g, dtype=torch.float64) for d in (3, 1))
    tasks = mi.Tasks(x[:, :4], y[:, :4], x[:, 4:], y[:, 4:])
    problem = mi.Problem(
        mi.Linear(3, 1), tasks, mi.NoAdaptation(), inner_loss=smooth, outer_reg=0.5
    )
    problem.solve()
    with pytest.raises(mi.InvalidProblem, match="reads neighbours"):
        mi.influence(problem, [mi.task(0)])
    lam, eye = problem.lam, torch.eye(3, dtype=torch.float64)
    slopes = [problem.gradient(lam + 1e-6 * e) - problem.gradient(lam - 1e-6 * e) for e in eye]
    torch.testing.assert_close(
        problem.hessian(lam), torch.stack(slopes) / 2e-6, rtol=1e-6, atol=1e-6
    )
