"""Datamodelling scores and counterfactuals: exact scores do well, others do not, and each number by hand."""

import pytest
import torch

import metainfl as mi
from metainfl.errors import InvalidOption
from metainfl.metrics import correlation, linear_datamodeling_score, query_loss_difference
from metainfl.training import Recipe, train

D = torch.float64


@pytest.fixture(scope="module")
def case():
    """A linear run on twelve tasks, and three targets."""
    g = torch.Generator().manual_seed(0)
    x, y = torch.randn(15, 6, 3, dtype=D, generator=g), torch.randn(15, 6, 1, dtype=D, generator=g)
    every = mi.Tasks(x[:, :3], y[:, :3], x[:, 3:], y[:, 3:])
    torch.manual_seed(0)
    model = torch.nn.Linear(3, 1, dtype=D)
    problem = mi.Problem(model, every.select(range(12)), mi.Unrolled(1, 0.05), outer_reg=1.0)
    return problem, every.select(range(12, 15))


@pytest.fixture(scope="module")
def run(case):
    return train(case[0], Recipe(rate=0.02, steps=30, batch_size=4), progress=False)


def asked(problem):
    return [mi.task(k) for k in range(problem.tasks.n_tasks)]


def test_the_runs_derivative_predicts_and_noise_does_not(case, run):
    problem, targets = case
    scores = run.scores(targets, asked(problem))
    found = linear_datamodeling_score(run, scores, targets, subsets=12, share=0.8)
    assert found.value > 0.9 and found.low <= found.value <= found.high and len(found.each) == 3
    noise = torch.randn(12, 3, dtype=D, generator=torch.Generator().manual_seed(1))
    assert linear_datamodeling_score(run, noise, targets, subsets=12, share=0.8).value < 0.6
    turned = linear_datamodeling_score(run, -scores.value, targets, subsets=12, share=0.8)
    assert turned.value == pytest.approx(-found.value)


def test_measured_and_predicted_are_those_of_the_subsets(case, run):
    """Guards complements taken for subsets, and a sign."""
    problem, targets = case
    scores = run.scores(targets, asked(problem)).value
    found = linear_datamodeling_score(run, scores, targets, subsets=4, share=0.75, seed=5)
    again = linear_datamodeling_score(run, scores, targets, subsets=4, share=0.75, seed=5)
    assert torch.equal(found.measured, again.measured)
    rows = []
    for i in range(12):
        for j in range(i):
            for k in range(j):
                if torch.allclose(-scores[[i, j, k]].sum(0), found.predicted[0], atol=1e-14):
                    rows.append([i, j, k])
    assert len(rows) == 1  # the three that were left out
    lam = run.replay({mi.group(mi.task(k) for k in rows[0]): 0.0}).lam
    torch.testing.assert_close(found.measured[0], run.problem().losses(lam, targets))


def test_at_a_minimiser_by_solving_again(case):
    problem, targets = case
    problem = problem.replaced(lam=None)
    problem.solve(progress=False)
    scores = mi.scores(problem, asked(problem), targets)
    assert linear_datamodeling_score(problem, scores, targets, subsets=6, share=0.9).value > 0.9
    found = query_loss_difference(problem, scores, targets, share=0.1)
    assert found.removed == 1 and found.over_random.mean > 0
    k = int(scores.value[:, 0].argmin())
    lam = mi.removal.resolved(problem, [mi.task(k)])[0]
    change = problem.losses(lam, targets)[0] - problem.losses(problem.lam, targets)[0]
    assert float(found.each[0]) == pytest.approx(float(change), rel=1e-9)


def test_what_helps_most_is_removed(case, run):
    """Guards the other end of the ranking."""
    problem, targets = case
    scores = run.scores(targets, asked(problem))
    found = query_loss_difference(run, scores, targets, share=0.25)
    other = query_loss_difference(run, -scores.value, targets, share=0.25)
    assert found.removed == 3 and (found.each > found.random).all() and (other.each < 0).all()
    assert "without the 3 tasks" in str(found)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"scores": torch.ones(3, 12, dtype=D)}, r"a tensor \(12, 3\)"),
        ({"scores": "a"}, r"a tensor \(12, 3\)"),
        (
            {"scores": torch.full((12, 3), float("nan"))},
            "score of task 0 on target 0 is not finite",
        ),
        ({"subject": 3}, "subject must be a Run"),
        ({"share": 1.5}, "share must be"),
        ({"share": 0.999}, "name another|leaves none"),
        ({"seed": "a"}, "seed must be"),
    ],
)
def test_arguments_are_named(case, run, change, words):
    targets = case[1]
    given = {"subject": run, "scores": torch.ones(12, 3, dtype=D), "targets": targets} | change
    for f in (linear_datamodeling_score, query_loss_difference):
        with pytest.raises(InvalidOption, match=words):
            f(**given)
    with pytest.raises(InvalidOption, match="subsets must be"):
        linear_datamodeling_score(run, torch.ones(12, 3), targets, subsets=1)


def test_a_correlation_covers_the_true_one():
    """Guards an interval that is too narrow: of 400 draws of 30 pairs at rho = 0.6, 95 % hold it."""
    g = torch.Generator().manual_seed(0)
    true = 6 / torch.pi * torch.asin(torch.tensor(0.6 / 2)).item()  # Spearman's of a Gaussian pair
    held = 0
    for _ in range(400):
        a = torch.randn(30, generator=g, dtype=D)
        b = 0.6 * a + 0.8 * torch.randn(30, generator=g, dtype=D)
        found = correlation(a.tolist(), b.tolist())
        held += found.low <= true <= found.high
    assert 0.92 <= held / 400 <= 0.985
    assert correlation([1, 2, 3], [1, 2, 3]).low == -1
    exact = correlation(range(10), range(10))
    assert exact.value == exact.high == pytest.approx(1) and 0.8 < exact.low < 1


def test_nothing_is_known_of_a_constant():
    """Guards 0 with an interval, for a correlation that is not defined."""
    found = correlation([1.0] * 9, range(9))
    assert (found.value, found.low, found.high) == (0, -1, 1)


def test_a_group_is_removed_once(case, run, monkeypatch):
    """Guards a training for every target that names the same tasks."""
    problem, targets = case
    asked_for = []
    real = type(run).replay_many
    monkeypatch.setattr(
        type(run), "replay_many", lambda s, p, **k: asked_for.extend(p) or real(s, p, **k)
    )
    same = run.scores(targets, asked(problem)).value[:, :1].expand(-1, 3).contiguous()
    found = query_loss_difference(run, same, targets, share=0.25)
    assert len(asked_for) == len(set(asked_for)) <= 4 and len(found.each) == 3


def test_options_of_reruns_are_not_a_problems(case):
    problem, targets = case
    problem = problem.replaced(lam=torch.zeros(4, dtype=D))
    with pytest.raises(InvalidOption, match="jobs and store are those of a run"):
        query_loss_difference(problem, torch.ones(12, 3), targets, jobs=2)
