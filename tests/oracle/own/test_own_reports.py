"""What is said of a method on its user's own problem: budgets, what is not judged, and the command line."""

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
from metainfl.oracle.own import budget
from metainfl.oracle.own.again import Again
from metainfl.oracle.own.checks import OWN
from tests.oracle.own.asked import FILE, exact, failed, judged, problem


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
    monkeypatch.setattr(budget, "time", SimpleNamespace(monotonic=lambda: now[0]))
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
    assert "raised ValueError: no such layer" in str(report) and "test_own_reports.py" in str(
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
    done = subprocess.run([sys.executable, *again[1:]], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "FAIL  solves_its_equation" in done.stdout and "1 FAIL in" in done.stdout
    assert "solves_its_equation" in (tmp_path / "report.html").read_text()
    words[3] = "mine.py:somewhere"
    assert ended() == 2
    assert "not" in capsys.readouterr().err
    assert ended("--families", "prototypes") == 2
    assert "--families" in capsys.readouterr().err


def test_a_budget_that_ends_after_some_rows_is_judged_by_them(monkeypatch):
    """Guards rows that were looked at, told as skipped since others were not."""
    own, now = problem(), [0.0]
    once = Again.column

    def slow(self, *asked):
        now[0] += 200.0
        return once(self, *asked)

    monkeypatch.setattr(Again, "column", slow)
    monkeypatch.setattr(budget, "time", SimpleNamespace(monotonic=lambda: now[0]))
    options = {"claim": mi.Claim(kinds=("task",)), "checks": ["solves_its_equation"]}
    assert [o.status for o in judged(exact, own, **options).outcomes] == ["pass"]
    now[0] = 0.0
    assert failed(judged(lambda p, pis: 1.1 * exact(p, pis), own, **options))


def test_one_long_solve_ends_with_the_budget(monkeypatch):
    """Guards a solve that goes on for longer than everything may take."""

    def endless(self, *asked):
        time.sleep(60)

    monkeypatch.setattr(Again, "slope", endless)
    began = time.monotonic()
    report = judged(exact, problem(), minutes=3 / 60, checks=["agrees_with_solving_again"])
    assert time.monotonic() - began < 20
    assert "ran past the budget of 0.05 minutes" in report.outcomes[0].message
