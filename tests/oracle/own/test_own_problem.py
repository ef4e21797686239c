"""A method on its user's own problem: right ones hold, wrong ones fail, and what cannot be said is said."""

import shlex
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
import torch

import metainfl as mi
from metainfl.cli import main
from metainfl.errors import InvalidOption, NotStationary
from metainfl.influence import removal
from metainfl.oracle import check_method
from metainfl.oracle.own import context
from metainfl.oracle.own.again import Again
from metainfl.oracle.own.checks import OWN

FILE = """
import torch
import metainfl as mi

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = torch.nn.Linear(3, 1).double()

    def forward(self, x):
        return self.inner(torch.tanh(x))

def problem():
    torch.manual_seed(1)
    x, y = torch.randn(5, 8, 3).double(), torch.randn(5, 8, 1).double()
    tasks = mi.Tasks(x[:, :4], y[:, :4], x[:, 4:], y[:, 4:])
    found = mi.Problem(Net(), tasks, mi.Unrolled(1, 0.05), inner_loss=mi.squared, outer_reg=1.0)
    found.solve()
    return found

def doubled(problem, perturbations):
    return 2 * mi.influence(problem, perturbations).value

def somewhere():
    found = problem()
    found.lam = found.lam + 0.3
    return found
"""


def problem(dtype=torch.float64, adaptation=None, weights=True, ragged=False):
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
    if adaptation is not None:
        net = torch.nn.Linear(3, 1)
    x, y = torch.randn(7, 9, 3).to(dtype), torch.randn(7, 9, 1).to(dtype)
    w = torch.rand(7).to(dtype) + 0.5 if weights else torch.ones(7).to(dtype)
    tasks = mi.Tasks(x[:, :4], y[:, :4], x[:, 4:], y[:, 4:], w)
    if ragged:
        parts = [(4, 9)] * 6 + [(2, 5)]
        sides = [
            {
                "support_x": x[k, :a],
                "support_y": y[k, :a],
                "query_x": x[k, a:b],
                "query_y": y[k, a:b],
            }
            for k, (a, b) in enumerate(parts)
        ]
        tasks = mi.Tasks.ragged(sides)
    found = mi.Problem(
        net.to(dtype),
        tasks,
        adaptation or mi.Unrolled(2, 0.05),
        inner_loss=mi.squared,
        outer_reg=2.0,
    )
    found.solve()
    return found


def exact(problem, pis):
    return mi.influence(problem, pis).value


def judged(method, on, **options):
    return check_method(method, on=on, quick=True, in_process=True, **options)


def failed(report):
    return [o.check for o in report.failures]


@pytest.mark.parametrize("how", [{}, {"adaptation": mi.Proximal(3.0)}, {"ragged": True}])
def test_an_exact_method_holds_on_any_problem(how):
    """Guards a false alarm: weights, groups and input shifts among what is asked."""
    report = judged(exact, problem(**how))
    assert report.passed, str(report)
    inputs = ["support_input", "query_input"] if how.get("ragged") else []
    asked = {o.check: o.status for o in report.outcomes}
    assert [c for c, s in asked.items() if s == "skip"] == [
        "agrees_with_removal", "certified_truth", "other_problems", *inputs,
    ]  # fmt: skip
    assert report.measurements and "on your problem" in report.measurements[0].where


TRUTH = ["solves_its_equation", "agrees_with_solving_again", "order_of_the_remainder"]


@pytest.mark.parametrize(
    "method",
    [
        lambda p, pis: -exact(p, pis),
        lambda p, pis: 1.01 * exact(p, pis),
        lambda p, pis: mi.influence(p, pis, damping=0.5).value,
        lambda p, pis: mi.influence(p, pis, curvature=mi.curvature.gauss_newton).value,
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


def test_nothing_holds_its_claim_that_no_truth_was_asked_about():
    """Guards a budget that ends early, after laws that wrong methods keep as well."""
    own = problem()

    def slow(p, pis):
        time.sleep(0.3)
        return 5 * exact(p, pis)

    late = judged(slow, own, minutes=0.2 / 60)
    assert not late.failures and not late.passed
    assert "not judged: no value could be held against a truth" in late.verdict
    assert judged(exact, own, checks=["returns_an_array"]).passed


def test_what_was_solved_before_the_budget_ended_is_judged(monkeypatch):
    own = problem()
    new = problem().tasks.select([0, 1])
    claim = mi.Claim("score", kinds=("task",))
    once, now = Again.slope, [0.0]

    def slow(self, *asked):
        now[0] += 600.0
        return once(self, *asked)

    monkeypatch.setattr(Again, "slope", slow)
    monkeypatch.setattr(context, "time", SimpleNamespace(monotonic=lambda: now[0]))
    report = judged(lambda p, pis, t: -mi.scores(p, pis, t).value, (own, new), claim=claim)
    assert failed(report) == ["agrees_with_solving_again"], str(report)
    assert "of 1 solved again" in report.failures[0].where


def test_iterations_that_end_at_rounding_do_not_mix_their_rows():
    """Guards a right method, failed where H is of condition 1e5."""
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
    x, y = torch.randn(4, 9, 3).double(), torch.randn(4, 9, 1).double()
    own = mi.Problem(
        net.double(), mi.Tasks(x[:, :4], y[:, :4], x[:, 4:], y[:, 4:]), mi.Unrolled(2, 0.05),
        inner_loss=mi.squared, outer_reg=1e-4,
    )  # fmt: skip
    own.solve(progress=False)
    values = torch.linalg.eigvalsh(own.hessian(own.lam))
    assert 1e4 < float(values[-1] / values[0]) < 1e6

    def iterated(p, pis):
        return mi.influence(p, pis, solver=mi.solve.CG()).value

    claim = mi.Claim(kinds=("task", "query"))
    assert not failed(judged(iterated, own, claim=claim, checks=["rows_do_not_mix"]))


def test_laws_and_manners_are_looked_at():
    def mixes(p, pis):
        found = exact(p, pis)
        return found + 1e-3 * found.mean(0)

    def writes(p, pis):
        p.tasks.w.mul_(2)
        return exact(p.replaced(lam=p.lam, tasks=p.tasks.scaled([mi.task(0)], 1.0)), pis)

    assert "rows_do_not_mix" in failed(judged(mixes, problem()))
    assert "leaves_everything_alone" in failed(judged(writes, problem()))


def test_scores_and_removals_are_judged_too():
    own = problem()
    new = problem().tasks.select([0, 1])

    def scores(p, pis, targets):
        return mi.scores(p, pis, targets).value

    claim = mi.Claim("score", kinds=("task", "support"))
    assert judged(scores, (own, new), claim=claim).passed
    wrong = judged(lambda p, pis, t: -scores(p, pis, t), (own, new), claim=claim)
    assert failed(wrong) == ["agrees_with_solving_again"]
    assert wrong.failures[0].ratio == pytest.approx(-1, abs=1e-3)
    removed = mi.Claim("removal", kinds=("task", "query"), accuracy=1e-6)
    assert judged(lambda p, pis: removal.resolved(p, pis), own, claim=removed).passed
    first = judged(lambda p, pis: removal.first_order(p, pis), own, claim=removed)
    assert failed(first) == ["agrees_with_removal"]


def test_what_cannot_be_judged_is_said():
    own = problem()
    with pytest.raises(InvalidOption, match="give on=\\(problem, targets\\)"):
        judged(exact, own, claim=mi.Claim("score"))
    with pytest.raises(InvalidOption, match="derivative, score, removal can be judged, not newton"):
        judged(exact, own, claim=mi.Claim("newton"))
    with pytest.raises(InvalidOption, match=r"solved metainfl\.Problem"):
        judged(exact, 3)
    with pytest.raises(InvalidOption, match="too few for ranks"):
        judged(exact, own, claim=mi.Claim(accuracy="rank"))
    with pytest.raises(InvalidOption, match="leave them out with on"):
        judged(exact, own, families=["prototypes"])
    with pytest.raises(InvalidOption, match="known: returns_an_array"):
        judged(exact, own, checks=["cost_grows_tamely"])
    with pytest.raises(NotStationary):
        judged(exact, own.replaced(lam=own.lam + 1.0))
    spent = judged(exact, own, minutes=1e-9)
    assert not spent.passed and "nothing was checked" in spent.verdict
    assert all("budget of 1e-09 minutes" in o.message for o in spent.outcomes[: len(OWN)])


def test_a_solve_that_leaves_the_minimum_is_no_truth(monkeypatch):
    """Guards both sides at one other minimum, whose difference is a slope there."""
    again = Again(problem())
    p = mi.task(1)
    right, off = again.slope(p)
    assert off < 1e-2 * float(right.norm())
    elsewhere = torch.ones_like(right)
    monkeypatch.setattr(again, "moved", lambda p, s: elsewhere + s * 3 * right)
    assert again.slope(p)[1] == float("inf")


def test_a_raising_method_is_told_with_its_line():
    def raises(p, pis):
        raise ValueError("no such layer")

    report = judged(raises, problem())
    assert "raised ValueError: no such layer" in str(report) and "test_own_problem.py" in str(
        report
    )


def test_from_the_command_line(tmp_path, monkeypatch, capsys):
    """Guards a problem of a file that does not reach the method's own process."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(FILE)
    words = ["check", "mine.py:doubled", "--on", "mine.py:problem", "--quick", "--no-progress"]

    def ended(*more):
        with pytest.raises(SystemExit) as end:
            main([*words, *more])
        return end.value.code

    assert ended("--html", "report.html") == 1
    said = capsys.readouterr().out
    assert "solves_its_equation" in said and "median ratio of answer to truth 2" in said
    line = next(x for x in said.splitlines() if "reproduce: python -c " in x)
    again = shlex.split(line.split("reproduce: ", 1)[1])
    done = subprocess.run([sys.executable, *again[1:]], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "FAIL  solves_its_equation" in done.stdout and "1 FAIL in" in done.stdout
    assert "solves_its_equation" in (tmp_path / "report.html").read_text()
    words[3] = "mine.py:somewhere"
    assert ended() == 2
    assert "not" in capsys.readouterr().err
    assert ended("--families", "prototypes") == 2
    assert "--families" in capsys.readouterr().err
