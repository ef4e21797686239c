"""Paper 002's experiments: what their cells hold is what they say, and verdicts follow from it."""

import pytest
import torch

from metainfl.experiments.paper_002 import (
    amounts_claims,
    amounts_moves,
    amounts_scores,
    gauss_newton_claims,
    groups,
    noise_claims,
    noise_scores,
)
from metainfl.experiments.paper_002.mixed import REGIMES, mixed, regimes, trained
from metainfl.experiments.paper_002.noise_scores import (
    DOT,
    GN,
    RUN,
    at_the_end,
    by_the_run,
    in_order,
    summed,
)
from metainfl.experiments.registry import EXPERIMENTS
from metainfl.problem.perturbation import task

FEW = {"tests": 6, "hidden": 4, "steps": 6}


@pytest.fixture(scope="module")
def drawn():
    return mixed("small", 0, None, tasks=10, noise=3, **FEW)


def test_counts_of_tasks_are_those_asked_for(drawn):
    assert (drawn.tasks.n_tasks, drawn.normal, drawn.tests.n_tasks) == (10, 7, 6)
    more = mixed("small", 0, None, tasks=16, **FEW)
    assert more.normal == 14  # one in eight is noise
    assert torch.equal(more.tasks.query_x[:7], drawn.tasks.query_x[:7])  # more of the same tasks


@pytest.mark.parametrize("regime", ["plain", "2 angles", "decay 0.005"])
def test_two_directions_order_means_as_all_tasks_do(drawn, regime):
    """Guards a mean over a group by the wrong count, or with the wrong sign."""
    from metainfl.experiments.paper_002.mixed import flat

    run, copies = trained(drawn, "MAML", regime)
    tests = flat(drawn, drawn.tests)
    each = summed(-run.scores(tests, [task(k) for k in range(len(copies))]).value, copies)
    want = each[: drawn.normal].mean(0) > each[drawn.normal :].mean(0)
    assert by_the_run(run, tests, copies, drawn.normal) == want.tolist()
    angles, decay = REGIMES[regime]
    assert len(copies) == 10 * angles
    assert run.program.problem.outer_reg == pytest.approx(20 * decay)  # 20 query instances
    found = at_the_end(run.problem(), tests)
    assert all(s.shape == (10 * angles, 6) and torch.isfinite(s).all() for s in found.values())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["002-noise", "002-amounts", "002-groups"])
def test_a_buffer_is_called_one(name, monkeypatch):
    """Guards the paper's network, whose matrix fits nowhere, under the name of a matrix that was formed."""
    monkeypatch.setattr(noise_scores, "DENSE", 10)
    for room in (noise_scores, amounts_scores, groups):
        few = {"tasks": 12, "noise": 4, **FEW, "tests": 8, "steps": 2}
        monkeypatch.setattr(
            room, "mixed", lambda size, seed, data, few=few, **more: mixed(size, seed, data, **few)
        )
    monkeypatch.setitem(amounts_scores.AMOUNTS, "small", dict.fromkeys(
        ("fixed noise", "fixed ratio"), ((4, 4), (7, 1))))  # fmt: skip
    experiment = EXPERIMENTS[name]
    found = [experiment.cell("small", 0, None)] * 2
    told = [c.judge(found) for c in experiment.claims]
    words = str(experiment.tables(found)) + "".join(v.why for v in told)
    assert GN not in words + str(found) and "Gauss-Newton, buffer of 1024" in words
    assert all("2 seeds" in v.ours for v in told)


def test_copies_add_up():
    scores = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    assert summed(scores, torch.tensor([0, 1, 0])).tolist() == [[6.0, 8.0], [3.0, 4.0]]


def test_order_by_means_and_by_medians():
    scores = torch.tensor([[9.0], [0.0], [0.0], [1.0]])  # one high score moves the mean alone
    assert in_order(scores, 3) == {"mean": 1.0, "median": 0.0}


def plain(share):
    by = {n: {"mean": share, "median": share} for n in (GN, DOT)} | {RUN: {"mean": share}}
    return {"train": 1 - share, "test": share, "proper": by}


def noise_cells(shares, seeds=5):
    return [
        {"tests": 32}
        | {r: plain(v + 0.001 * s) for r, v in zip(regimes("small"), shares, strict=True)}
        for s in range(seeds)
    ]


RISING = noise_cells([0.1, 0.2, 0.3, 0.6, 0.7, 0.2, 0.25, 0.3, 0.4, 0.8])
FLAT = noise_cells([0.5] * 10)
FALLING = noise_cells([0.9, 0.5, 0.4, 0.3, 0.2, 0.85, 0.8, 0.7, 0.6, 0.1])


@pytest.mark.parametrize(
    "judge, yes, no",
    [
        (noise_claims.most("8 angles"), RISING, FALLING),
        (noise_claims.most("plain", -1), RISING, FALLING),
        (noise_claims.rises("8 angles"), RISING, FALLING),
        (noise_claims.trend("angles"), RISING, FALLING),
        (noise_claims.trend("decay", "median"), RISING, FALLING),
        (noise_claims.fitted, RISING, FLAT),
    ],
)
def test_noise_is_judged(judge, yes, no):
    assert judge(yes).holds == "holds" and judge(no).holds == "does not hold"
    assert "5 seeds" in judge(yes).ours and DOT in judge(yes).why


STEPS = ["4 and 4", "8 and 4", "16 and 4"]


def amounts_cells(shares, ranks):
    def one(share, rank):
        by = {n: {"mean": share, "median": 0.5} for n in (GN, DOT)} | {RUN: {"mean": share}}
        own = {n: rank for n in (GN, DOT, RUN)}
        return {"train": 1.0, "test": share, "new": by, "own": by, "self-rank": own}

    steps = dict(zip(STEPS, zip(shares, ranks, strict=True), strict=True))
    maml = {a: one(*v) for a, v in steps.items()}
    proto = {a: one(0.5 + v[0] / 10, v[1]) for a, v in steps.items()}
    sweeps = {"fixed noise": STEPS, "fixed ratio": STEPS}
    return [{"sweeps": sweeps, "MAML": maml, "prototypes": proto} for _ in range(5)]


GOOD, BAD = amounts_cells([0.1, 0.5, 0.9], [0, 0, 0]), amounts_cells([0.9, 0.5, 0.1], [0, 1, 2])


@pytest.mark.parametrize(
    "judge, yes, no",
    [
        (amounts_claims.order("MAML", "fixed noise", "new", 1), GOOD, BAD),
        (amounts_claims.order("MAML", "fixed ratio", "own", -1), BAD, GOOD),
        (amounts_claims.self_ranked("MAML"), GOOD, BAD),
        (amounts_claims.self_rank_rises("prototypes"), BAD, GOOD),
        (amounts_claims.less_severe, GOOD, BAD),
    ],
)
def test_amounts_are_judged(judge, yes, no):
    assert judge(yes).holds == "holds" and judge(no).holds == "does not hold"


def test_means_move_more_than_medians():
    for sign, yes, no in ((-1, BAD, GOOD), (1, GOOD, BAD)):  # medians stay at a half
        judge = amounts_claims.means_more("fixed ratio", "MAML", sign)
        assert judge(yes).holds == "holds"
        for other in (no, amounts_cells([0.5] * 3, [0] * 3)):
            assert judge(other).holds == "does not hold"


def test_moves_between_numbers_of_tasks():
    """Guards a place in the sweep that is another one's, and a curve that is judged as a line."""
    steps = ["4 and 4", "14 and 2", "7 and 1", "8 and 4"]
    found = [amounts_moves.place(steps, w) for w in ("fewest", "as many as noise")]
    assert found == ["4 and 4", "4 and 4"]
    assert amounts_moves.place(steps, "seven times the noise") == "7 and 1"
    bent = amounts_cells([0.9, 0.2, 0.9], [0, 0, 0])
    for c in bent:
        c["sweeps"] = {"fixed noise": ["8 and 4", "4 and 4", "16 and 4"]}
        c["MAML"] = {"8 and 4": c["MAML"]["8 and 4"], "4 and 4": c["MAML"]["16 and 4"]} | c["MAML"]
    for high, low, word in (("fewest", "as many as noise", "does not hold"),
                            ("as many as noise", "fewest", "holds")):  # fmt: skip
        found = amounts_moves.more_at("MAML", "fixed noise", high, low)(bent)
        assert found.holds == word and DOT in found.why and RUN in found.why
    assert amounts_moves.steadier(bent).holds == "holds"
    for c in bent:
        c["MAML"], c["prototypes"] = c["prototypes"], c["MAML"]
    assert amounts_moves.steadier(bent).holds == "does not hold"


def squares(rows):
    """Cells of correlations: eigenvalues of H a row, columns of Gauss-Newton a column, the most first."""
    kept = gauss_newton_claims.KEPT
    pairs = {f"{a}/{b}": v for a, r in zip(kept, rows, strict=True)
             for b, v in zip(kept, r, strict=True)}  # fmt: skip
    beside = {n: dict.fromkeys(map(str, kept), 0.1) for n in (DOT, RUN)}
    return [{str(n): {"pairs": pairs, "beside": beside} for n in (16, 64)}] * 5


@pytest.mark.parametrize(
    "judge, yes, no",
    [
        (
            gauss_newton_claims.diagonal,
            [
                [0.9, 0.5, 0.3, 0.2, 0.1],
                [0.5, 0.8, 0.5, 0.4, 0.3],
                [0.3, 0.5, 0.7, 0.5, 0.4],
                [0.2, 0.4, 0.5, 0.6, 0.5],
                [0.1, 0.3, 0.4, 0.7, 0.5],  # three of five: one beside is larger than the last two
            ],
            [
                [0.9, 0.5, 0.8, 0.2, 0.1],
                [0.5, 0.4, 0.5, 0.1, 0.1],
                [0.3, 0.5, 0.4, 0.1, 0.1],
                [0.1, 0.1, 0.1, 0.1, 0.2],
                [0.1, 0.1, 0.1, 0.1, 0.7],  # the mean is larger, two are largest
            ],
        ),
        (
            gauss_newton_claims.weaker,
            [[0.1 * (i + j) for j in range(5)] for i in range(5)],
            [[0.5 - 0.1 * i + 0.05 * j for j in range(5)] for i in range(5)],  # of H the other way
        ),
    ],
)
def test_squares_are_judged(judge, yes, no):
    assert judge(squares(yes)).holds == "holds" and judge(squares(no)).holds == "does not hold"


def test_places_are_spread():
    assert amounts_scores._spread(10, 4) == [0, 3, 6, 9]
    assert amounts_scores._spread(3, 8) == [0, 1, 2]


@pytest.mark.parametrize("name", [n for n in EXPERIMENTS if n.startswith("002-")])
def test_each_claim_has_dot_product_and_run_beside(name):
    """Each claim on scores by a Hessian names what the paper left out: no matrix at all, and the run itself,
    which is not known of medians.
    """
    for c in EXPERIMENTS[name].claims:
        if "the run" in c.against:
            assert "dot product" in c.against + c.text and "by medians" not in c.text
    beside = " ".join(c.against + c.text for c in EXPERIMENTS[name].claims)
    assert "dot product" in beside and "the run" in beside
