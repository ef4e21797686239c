"""Experiments of paper 001: what they are measured on, the sign of a ranking, and verdicts over data sets."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from metainfl.errors import MissingData
from metainfl.experiments import EXPERIMENTS, networks, settings
from metainfl.experiments.experiment import Verdict
from metainfl.experiments.networks import damping
from metainfl.experiments.paper_001 import figure1_claims, pictures_cell, table1_cell
from metainfl.experiments.paper_001.edits import OWN, SUBSETS, measured
from metainfl.experiments.paper_001.removed import _instances
from metainfl.experiments.paper_001.table1_claims import on_each
from metainfl.experiments.rankings import PRINTED, RANKINGS, implicit
from metainfl.influence.scores import scores
from metainfl.problem.perturbation import query, task
from metainfl.solve import CG
from metainfl.solve.operator import SymmetricOperator
from metainfl.training import Recipe, train
from tests.data import files
from tests.training.helpers import network


@pytest.fixture(scope="module")
def run():
    return train(network(), Recipe(rate=0.05, steps=12, batch_size=3, seed=1), progress=False)


def printed(run, asked, targets):
    """IS of 001's Definition 5.2, means over targets."""
    how = {"solver": CG(rtol=1e-4), "damping": damping(run), "allow_nonstationary": True}
    found = scores(run.problem(), asked, targets, through_adaptation=False, **how)
    return found.value.double().mean(1).numpy()


def test_the_printed_score_is_ranked_the_largest_first(run):
    """Guards the sign of A.9: a positive printed score is harm, and harm is what a ranking puts first."""
    targets = network(seed=5).tasks
    asked = [task(k) for k in range(6)]
    order = np.argsort(RANKINGS[PRINTED](run, targets).double().mean(1).numpy())
    assert order.tolist() == np.argsort(-printed(run, asked, targets)).tolist()


def test_instances_are_ranked_by_all_that_rank_tasks(run):
    targets = network(seed=5).tasks
    asked = [query(k, j) for k in range(6) for j in range(6)]
    found = {n: np.array(way()) for n, way in _instances(run, targets, asked, 0).items()}
    here = {n.replace("instance-IF", "task-IF") for n in found}
    assert here == set(RANKINGS) and all(v.shape == (36,) for v in found.values())
    order = np.argsort(found["instance-IF, IS as printed"])
    assert order.tolist() == np.argsort(-printed(run, asked, targets)).tolist()


def test_damping_makes_it_definite_where_few_steps_see_little(run, monkeypatch):
    """Guards a lowest eigenvalue that Lanczos has not come to: the solver refuses the matrix then."""
    monkeypatch.setattr(networks, "LOOKED", 2)
    end = run.problem()
    values = torch.linspace(0.0, 500.0, end.n_meta, dtype=torch.float64)
    values[0] = -60.0
    draw = torch.Generator().manual_seed(0)
    drawn = torch.randn(end.n_meta, end.n_meta, generator=draw, dtype=torch.float64)
    turn = torch.linalg.qr(drawn)[0]
    matrix = turn @ values.diag() @ turn.T
    found = damping(run, lambda p: SymmetricOperator(end.n_meta, lambda v: matrix @ v, end.lam))
    assert torch.linalg.eigvalsh(matrix)[0] + found > 0


def test_edits_of_a_small_network(monkeypatch):
    """Every edit at every level; Direct-IF is none, and as large a part as all is all."""
    monkeypatch.setattr("metainfl.experiments.paper_001.edits.PART", 1.0)
    s = settings.setting("small", 0, None, tasks=20, new=4, hidden=4)
    found = measured(replace(s, recipe=replace(s.recipe, steps=4)), "digits")
    for level, own in OWN.items():
        rows = found[level]
        assert {"no edit", "retrained", "warm retraining", "Newton step", own} <= set(rows)
        assert rows["retrained"]["distance"] == 0 and rows["no edit"]["distance"] == 1
        assert rows[own]["apart"] == 0 and rows["no edit"]["apart"] == pytest.approx(1)
    for name in SUBSETS.values():
        assert found["task"][name]["apart"] < 1e-6
    for name in ("Direct-IF", "Direct-IF, a quarter"):
        assert found["task"][name]["distance"] == pytest.approx(1, abs=1e-12)


@pytest.fixture
def pictures(tmp_path):
    """Mini-ImageNet of six classes of training and six of test, eight pictures of each."""
    for split, seed in (("train", 0), ("test", 1)):
        content = {
            "image_data": files.colours(48, seed=seed),
            "class_dict": {f"{split}{c}": list(range(8 * c, 8 * c + 8)) for c in range(6)},
        }
        home = tmp_path / "mini-imagenet"
        files.write_pickle(home / f"mini-imagenet-cache-{split}.pkl", content)
    return tmp_path


def test_mini_imagenet_is_read_where_it_lies(pictures, monkeypatch):
    """Guards a column of the paper's table that no data could ever fill, and one that is left out unsaid."""
    small = {"tasks": 4, "new": 3, "steps": 2}
    few = tuple(replace(p, **small) for p in settings.TABLE1["medium"])
    monkeypatch.setattr(table1_cell, "TABLE1", {"medium": few})
    monkeypatch.setattr(table1_cell, "measured", lambda s, of: {"x": s.tasks.query_x.shape})
    found = table1_cell.cell("medium", 0, pictures)
    assert found == {
        "sets": {"mini-imagenet": {"x": (4, 20, 3 * 14 * 14)}},
        "missing": ["omniglot", "mnist"],
    }
    words = on_each(lambda cells: Verdict("holds", "1", "so."))([found]).why
    assert words == "so. Left out, as the folder of data does not hold it: Omniglot, MNIST."
    made = settings.setting("medium", 0, pictures, paper=few[2])
    assert made.trained().finished and made.new.query_x.shape == (3, 20, 588)
    with pytest.raises(MissingData):
        table1_cell.cell("medium", 0, pictures / "mini-imagenet" / "nothing")


@pytest.mark.parametrize(
    "words, whole",
    [
        (("holds", "holds"), "holds"),
        (("holds", "does not hold"), "does not hold"),
        (("holds", "cannot be told here"), "cannot be told here"),
    ],
)
def test_a_claim_of_all_data_sets(words, whole):
    cells = [{"sets": {"omniglot": words[0], "mnist": words[1]}, "missing": []}]
    found = on_each(lambda own: Verdict(own[0], "1", "because."))(cells)
    assert found.holds == whole and found.ours == "Omniglot: 1; MNIST: 1"
    assert f"MNIST ({words[1]}): because." in found.why


@pytest.mark.parametrize("own, word", [(0.5, "does not hold"), (0.96, "holds")])
def test_how_many_times_a_random_order_is_judged_after_forty_per_cent(own, word):
    """Guards a count after another share than the paper's."""
    shares = figure1_claims.SHARES
    found = {
        "task-IF": {"found": [own if s == 0.4 else 0.0 for s in shares]},
        "random": {"found": [s for s in shares]},
    }
    told = figure1_claims.times("0.8", 2.2)([{"0.8": found}] * 5)
    assert (
        told.holds == word
        and "1.25" in told.why
        and told.ours.startswith(f"ratio {own / 0.4:.3g} ")
    )


def test_medium_is_a_size_of_table_1():
    assert EXPERIMENTS["001-table1"].sizes == ("small", "medium", "paper")


def test_tasks_are_shown_with_their_scores():
    """Guards a picture under another task's score, and ends exchanged."""
    s = settings.setting("small", 0, None, tasks=12, new=6, hidden=4)
    made = replace(s, recipe=replace(s.recipe, steps=6))
    trained = made.trained()
    found = pictures_cell._tasks(made, trained, made.new)
    means = implicit(trained, made.new, [task(k) for k in range(12)]).double().mean(1)
    order = means.argsort(descending=True).tolist()
    for end, places in (("helpful", order[:2]), ("harmful", order[:-3:-1])):
        for k, one in zip(places, found[end], strict=True):
            assert one["score"] == pytest.approx(float(means[k]), rel=1e-3)
            wide = torch.tensor(one["image"])
            for way in range(5):
                j = s.images.support_y[k].argmax(-1).tolist().index(way)
                own = wide[:, 8 * way : 8 * (way + 1)]
                assert torch.allclose(own.double(), s.images.support_x[k, j, 0].double(), atol=1e-3)
