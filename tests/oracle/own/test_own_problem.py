"""A method on its user's own problem: right ones hold, wrong ones fail, and what cannot be said is said."""

import pytest
import torch

import metainfl as mi
from metainfl.errors import SingularHessian
from metainfl.oracle import check_method, drawn_case
from tests.oracle.own.asked import exact, failed, judged, problem


@pytest.mark.parametrize("how", [{}, {"adaptation": mi.Proximal(3.0)}, {"ragged": True}])
def test_an_exact_method_holds_on_any_problem(how):
    """Guards a false alarm: weights, groups and input shifts among what is asked."""
    report = judged(exact, problem(**how))
    assert report.passed, str(report)
    inputs = ["support_input", "query_input"] if how.get("ragged") else []
    asked = {o.check: o.status for o in report.outcomes}
    assert [c for c, s in asked.items() if s == "skip"] == [
        "no_component_along_a_symmetry", "agrees_with_removal", "certified_truth", "other_problems", *inputs,
    ]  # fmt: skip
    assert report.measurements and "on your problem" in report.measurements[0].where


TRUTH = ["solves_its_equation", "agrees_with_solving_again", "order_of_the_remainder"]


@pytest.mark.parametrize(
    "method",
    [
        lambda p, pis: 1.01 * exact(p, pis),
        lambda p, pis: mi.influence(p, pis, damping=0.5).value,
        lambda p, pis: exact(p.replaced(adaptation=p.adaptation.frozen(), lam=p.lam), pis)
        if hasattr(p.adaptation, "frozen") else exact(p.replaced(direct=1.0, lam=p.lam), pis),
    ],
)  # fmt: skip
def test_a_wrong_one_fails_every_check_of_the_truth(method):
    """Guards a tolerance that lets a method through; one per cent is far above its error."""
    report = judged(method, problem(), claim=mi.Claim(kinds=("task", "query")))
    assert set(TRUTH) - {"order_of_the_remainder"} <= set(failed(report)), str(report)


def one_place_wrong(p, pis):
    rows = exact(p, pis).clone()
    rows[[i for i, pi in enumerate(pis) if pi.instance == 2]] = 0
    return rows


def test_rows_that_are_not_solved_again_are_held_to_their_equation():
    """Guards a fault of some rows only, where a quick check solves three of them again."""
    report = judged(one_place_wrong, problem(), claim=mi.Claim(kinds=("support", "query")))
    assert "solves_its_equation" in failed(report), str(report)


def test_float32_is_held_to_its_own_digits():
    single = problem(torch.float32)
    claim = mi.Claim(kinds=("task",))
    assert not set(failed(judged(exact, single, claim=claim))) & set(TRUTH)
    report = judged(lambda p, pis: 1.2 * exact(p, pis), single, claim=claim)
    assert "solves_its_equation" in failed(report)


@pytest.mark.parametrize("seed, tasks, reg", [(3, 60, 0.3), (4, 60, 0.3)])
def test_where_solving_stops_early_a_right_method_is_not_failed(seed, tasks, reg):
    """Guards solves in float32 that end before a soft direction moved, alike at h and h/2."""
    torch.manual_seed(seed)
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
    x, y = torch.randn(tasks, 9, 3), torch.randn(tasks, 9, 1)
    own = mi.Problem(
        net, mi.Tasks(x[:, :4], y[:, :4], x[:, 4:], y[:, 4:]), mi.Unrolled(2, 0.05),
        inner_loss=mi.squared, outer_reg=reg,
    )  # fmt: skip
    own.solve(progress=False)
    claim = mi.Claim(kinds=("task", "query"))
    assert not failed(judged(exact, own, claim=claim, seed=seed))
    wrong = judged(lambda p, pis: 1.2 * exact(p, pis), own, claim=claim, seed=seed)
    assert "solves_its_equation" in failed(wrong)


class Waves(torch.nn.Module):
    """Of inputs that are all 0 something is left to learn."""

    def __init__(self):
        super().__init__()
        self.k, self.l = torch.nn.Linear(3, 3).double(), torch.nn.Linear(3, 1).double()

    def forward(self, x):
        return self.l(torch.tanh(self.k(x)) + torch.sin(x))


def test_inputs_of_zero_are_shifted_all_the_same():
    """Guards a step of 0, whose NaN for a truth lets every method pass."""
    torch.manual_seed(0)
    x, y = torch.randn(6, 8, 3).double(), torch.randn(6, 8, 1).double() + 1
    x[:, 4:] = 0
    own = mi.Problem(
        Waves(), mi.Tasks(x[:, :4], y[:, :4], x[:, 4:], y[:, 4:]), mi.Unrolled(2, 0.1),
        inner_loss=mi.squared, outer_reg=0.5,
    )  # fmt: skip
    own.solve(torch.ones(own.n_meta).double(), progress=False)
    claim = mi.Claim(kinds=("query_input",))
    report = judged(exact, own, claim=claim)
    assert report.passed, str(report)
    assert {"solves_its_equation", "agrees_with_solving_again"} <= {
        o.check for o in report.outcomes if o.status == "pass"
    }
    wrong = failed(judged(lambda p, pis: 1.01 * exact(p, pis), own, claim=claim))
    assert {"solves_its_equation", "agrees_with_solving_again"} <= set(wrong)


@pytest.mark.parametrize("least", [1e-20, pytest.param(1e-9, marks=pytest.mark.slow)])
def test_a_weight_of_nearly_nothing_fails_no_right_method(least):
    """Guards differences that are rounding alone, 0 say, and are known exactly by their looks."""
    own = problem()
    w = torch.ones(7).double()
    w[6] = least
    t = own.tasks
    own = own.replaced(tasks=mi.Tasks(t.support_x, t.support_y, t.query_x, t.query_y, w))
    own.solve(torch.zeros(own.n_meta).double() + 0.1, progress=False)
    claim = mi.Claim(kinds=("task",))
    report = check_method(exact, on=own, in_process=True, claim=claim)
    assert report.passed, str(report)
    wrong = check_method(lambda p, pis: 1.01 * exact(p, pis), on=own, in_process=True, claim=claim)
    assert {"solves_its_equation", "agrees_with_solving_again"} <= set(failed(wrong))


def embedded():
    """A ridge head on an embedding of rank 2, which can be turned."""
    case = drawn_case("linear_representation", "narrow")
    return case.problem()


def test_a_direction_in_which_nothing_changes_has_a_check_of_its_own():
    """Guards rows along a symmetry, of which solving again says nothing, told to be no derivative."""
    own = embedded()

    def along(p, pis):
        return exact(p, pis) + 0.1 * p.tangent()[:, 0]

    claim = mi.Claim(kinds=("task", "query"))
    assert judged(exact, own, claim=claim).passed
    assert failed(judged(along, own, claim=claim)) == ["no_component_along_a_symmetry"]


def test_a_saddle_is_no_place_to_judge_at():
    """Guards a method that says so by name, told to fail where no truth is."""
    own = embedded()
    saddle = own.replaced(outer_reg=0.01, lam=torch.zeros_like(own.lam))
    assert float(saddle.residual(saddle.lam)) < 1e-10
    with pytest.raises(SingularHessian, match="no minimum of its own"):
        judged(exact, saddle)
