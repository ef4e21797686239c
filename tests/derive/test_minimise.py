"""Minimising F: dense Newton and trust regions end at the same kind of place, and say where they stopped."""

import pytest
import torch
from torch import nn

import metainfl as mi
from metainfl.derive import metric
from metainfl.derive.minimise import Minimisation
from metainfl.derive.steihaug import steihaug


@pytest.fixture(params=["with a metric", "products only"])
def large(request, monkeypatch):
    """Trust regions as they go where a Hessian is affordable, and where it is not."""
    if request.param == "products only":
        monkeypatch.setattr(metric, "MOST", 0)


def network(seed=0, hidden=4):
    """A small tanh network adapted by one step: F is not convex."""
    g = torch.Generator().manual_seed(seed)
    sizes = ((6, 6, 3), (6, 8, 3))
    (sx, qx) = (torch.randn(*s, generator=g, dtype=torch.float64) for s in sizes)
    sy, qy = (torch.randint(0, 2, s[:2], generator=g) for s in sizes)
    net = nn.Sequential(nn.Linear(3, hidden), nn.Tanh(), nn.Linear(hidden, 2)).double()
    problem = mi.Problem(
        net,
        mi.Tasks(sx, sy, qx, qy),
        mi.Unrolled(1, 0.1),
        inner_loss=mi.cross_entropy,
        outer_reg=0.3,
    )
    return problem, 0.5 * torch.randn(problem.n_meta, generator=g, dtype=torch.float64)


@pytest.mark.parametrize("way", ["dense", "trust-region"])
@pytest.mark.parametrize("seed", [0, 1])
def test_both_ways_end_at_a_certified_local_minimum(way, seed, large):
    """Guards a minimiser that stops short, or at a saddle, and says that it arrived."""
    problem, start = network(seed)
    problem.solve(start, way=way)
    problem.check_stationary()
    assert float(torch.linalg.eigvalsh(problem.hessian(problem.lam))[0]) > 0
    found = problem.minimisation
    assert found.converged and "local minimum" in found.reason
    assert found.residual <= 1e-10 and found.way == way and found.products > 0


def test_it_leaves_a_saddle(large):
    """Guards steps that stay where the gradient vanishes along a symmetry: zeros are a saddle here."""
    problem, _ = network()
    start = torch.full((problem.n_meta,), 1e-3, dtype=torch.float64)
    problem.solve(start, way="trust-region")
    assert float(torch.linalg.eigvalsh(problem.hessian(problem.lam))[0]) > 0


def test_short_of_steps_it_says_so_and_can_go_on():
    """Guards a silent stop; the iterate that comes with the error is where to go on."""
    problem, start = network()
    with pytest.raises(mi.NotConverged, match="goes on") as caught:
        problem.solve(start, way="dense", max_steps=2)
    assert problem.minimisation.steps == 2 and not problem.minimisation.converged
    first = float(problem.objective(start))
    assert float(problem.objective(caught.value.result)) < first
    problem.solve(caught.value.result)
    assert problem.minimisation.converged


def test_ctrl_c_keeps_the_iterate(monkeypatch):
    """Guards work that is lost at an interruption."""
    problem, start = network()
    real, calls = type(problem).gradient, []

    def impatient(self, lam):
        calls.append(lam)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return real(self, lam)

    monkeypatch.setattr(type(problem), "gradient", impatient)
    with pytest.raises(mi.Interrupted, match="goes on") as caught:
        problem.solve(start, way="trust-region")
    monkeypatch.undo()
    assert problem.minimisation.reason == "interrupted"
    assert float(problem.objective(caught.value.result)) < float(problem.objective(start))
    problem.solve(caught.value.result, way="trust-region")


def test_progress_is_silent_unless_asked_for(capsys):
    """Guards output that nobody asked for, and minutes without a word for those who did."""
    problem, start = network()
    problem.solve(start)
    assert capsys.readouterr() == ("", "")
    lines = []
    problem.solve(start, way="trust-region", progress=lines.append)
    assert len(lines) > 2 and "|gradient|" in lines[0]
    problem.solve(start, progress=True)
    assert "minimising F by dense" in capsys.readouterr().err
    for options in ({"way": "newton"}, {"max_steps": 0}):
        with pytest.raises(mi.InvalidOption):
            problem.solve(start, **options)


def test_steihaug_follows_negative_curvature_to_the_edge():
    """Guards steps that ignore a direction along which F falls without end."""
    h = torch.diag(torch.tensor([2.0, 1.0, -1.0], dtype=torch.float64))
    g = torch.ones(3, dtype=torch.float64)
    step, ends = steihaug(h.__matmul__, g, 5.0, 1e-8, Minimisation(g))
    assert ends in ("negative curvature", "edge") and float(step.norm()) == pytest.approx(5.0)
    assert float(g @ step + 0.5 * step @ h @ step) < 0
    h[2, 2] = 1.0
    step, ends = steihaug(h.__matmul__, g, 5.0, 1e-12, Minimisation(g))
    assert ends == "inside" and float((h @ step + g).norm()) <= 1e-11


@pytest.mark.parametrize("way", ["dense", "trust-region"])
def test_a_start_that_is_a_saddle_is_left(way, large):
    """Guards "a local minimum" said of a stationary point with negative curvature: a network at zero."""
    problem, start = network()
    lam = problem.solve(torch.zeros_like(start), way=way)
    values = torch.linalg.eigvalsh(problem.hessian(lam))
    assert problem.minimisation.converged and problem.residual(lam) < 1e-10
    assert values[0] > -1e-8 * values[-1]


def test_it_starts_where_the_module_is():
    """Guards a network that is minimised from zero, though it comes with weights."""
    problem, _ = network()
    own = problem.setting.model.current()
    assert torch.equal(problem.own_start(), own) and own.norm() > 0
    found = problem.solve(max_steps=200)
    assert torch.equal(problem.own_start(), found)
    again, _ = network()
    assert torch.equal(again.solve(own), found)


ENDLESS = {
    "no lower bound": (lambda o, t: -(o - t).square().sum(1), 1.0),
    "told apart, nothing bounds lam": (mi.cross_entropy, 0.0),
}


@pytest.mark.parametrize("way", ["dense", "trust-region"])
@pytest.mark.parametrize("name", ENDLESS)
def test_an_f_without_a_minimum_is_said_to_have_none(name, way):
    """Guards "a problem with kinks" for a loss of the wrong sign, and for classes that can be separated."""
    loss, reg = ENDLESS[name]
    x = torch.tensor([[[-1.0], [1.0]]], dtype=torch.float64)
    y = torch.tensor([[0, 1]]) if loss is mi.cross_entropy else torch.cat([x, -x], dim=2)
    torch.manual_seed(0)
    net = torch.nn.Linear(1, 2).double()
    p = mi.Problem(net, mi.Tasks(x, y, x, y), mi.NoAdaptation(), inner_loss=loss, outer_reg=reg)
    with pytest.raises(mi.NotConverged, match="lam runs away while F falls") as found:
        p.solve(way=way, max_steps=60, progress=False)
    assert "kinks" not in str(found.value)


def test_an_interruption_before_anything_was_computed_has_no_value(monkeypatch):
    """Guards "interrupted after 0 steps at F nan"."""
    p = mi.oracle.small_case("maml_softmax").problem()

    def interrupted(lam):
        raise KeyboardInterrupt

    monkeypatch.setattr(p, "objective", interrupted)
    with pytest.raises(mi.Interrupted, match="after 0 steps; `result`") as found:
        p.solve(start=p.lam + 1, progress=False)
    assert torch.equal(found.value.result, p.lam + 1)
