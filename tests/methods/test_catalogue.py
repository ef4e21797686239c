"""Every entry of the catalogue imports, is named in its test, and is called here on a small problem."""

import inspect
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.ensemble import GradientBoostingRegressor
from typer.testing import CliRunner

import metainfl as mi
from metainfl.cli import app
from metainfl.games import Table
from metainfl.methods import Method, features, game, run
from metainfl.methods.catalogue import ENTRIES, find
from metainfl.methods.features.linear_vae import rows, vae_problem
from metainfl.oracle import small_case
from metainfl.training import Recipe, train
from tests.methods.run.test_generative import Words
from tests.training.helpers import network

ROOT = Path(__file__).parent.parent.parent
TASKS = [mi.task(0), mi.task(2)]
QUERIES = [mi.query(0, 0), mi.query(1, 2)]
SUPPORTS = [mi.support(0, 1)]


@cache
def trained():
    """Three steps, one task in each batch: what every estimator of runs can read."""
    return train(network(), Recipe(rate=0.1, batches=[[0], [1], [2]]), progress=False)


@cache
def of_words():
    torch.manual_seed(0)
    net, x = Words().double(), torch.tensor([[[0.0, 1]], [[1, 2]], [[3, 4]]], dtype=torch.float64)
    y = torch.eye(2, dtype=torch.float64)[[0, 1, 0]][:, None]
    tasks = mi.Tasks(x[:, :0], y[:, :0], x, y)
    problem = mi.Problem(
        net, tasks, mi.NoAdaptation(), inner_loss=mi.cross_entropy, outer_reg=0.1,
        lam=mi.FromModule(net).current(),
    )  # fmt: skip
    return train(problem, Recipe(rate=0.1, steps=2), progress=False)


@cache
def of_vae():
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return train(vae_problem(x, 2), Recipe(rate=0.05, steps=2), progress=False), rows(x[:2])


def few(name, seed=0):
    """A problem of one output, or of softmax, at its minimiser."""
    if name != "line":
        return small_case(name).problem()
    draw = torch.Generator().manual_seed(seed)
    x, y = torch.randn(2, 4, 3, generator=draw, dtype=torch.float64), torch.ones(2, 4, 1).double()
    problem = mi.Problem(
        mi.Linear(3, 1), mi.Tasks(x[:, :0], y[:, :0], x, y), mi.NoAdaptation(), outer_reg=0.5
    )
    problem.solve()
    return problem


def pulled():
    """Where the outer loss reads lam directly too: else partial derivatives are zero."""
    problem = few("proximal_ridge").replaced(direct=0.5)
    problem.solve()
    return problem


def asked():
    return trained(), TASKS, trained().program.problem.tasks.select([3])


def on(method, problem, pis):
    targets = problem.tasks.select([0])
    needs = {"relatif", "renormalised_if"}
    return method(problem, pis, targets) if method.__name__ in needs else method(problem, pis)


def near(method, problem):
    t = problem.tasks
    at = torch.eye(2, dtype=torch.float64)
    return method(
        problem, TASKS, t.select([0]), features=at, target_features=at[:1], neighbours=1
    ).value


def booster():
    x = np.arange(12.0)[:, None]
    model = GradientBoostingRegressor(n_estimators=2, max_depth=1).fit(x, np.sin(x[:, 0]))
    return features.Boosted(model, x, np.sin(x[:, 0])), x[:2], np.ones(2)


def lasso():
    """One feature and soft thresholding: theta = (x.y - strength)/x.x."""
    x = torch.tensor([[1.0], [2]], dtype=torch.float64)
    y = torch.tensor([[1.0], [3]], dtype=torch.float64)
    theta = ((x.T @ y) - 0.5) / (x.T @ x)
    return theta, x, x @ theta - y, x


def knn(method):
    x, y = np.arange(5.0)[:, None], np.array([0, 1, 0, 1, 1])
    return method(x, y, x[:1], y[:1], 2).values


def networks_head(method):
    end = of_words()
    return method(end.program.problem.replaced(lam=end.lam)).lam


V = np.random.default_rng(0).standard_normal(2**5)
SQUARE = np.random.default_rng(1).standard_normal((2**4, 4))
OWN = {
    "task_if_ekfac": lambda f: f()(few("proximal_softmax"), TASKS),
    "task_if_paper": lambda f: f(few("proximal_softmax"), TASKS),
    "instance_if_query": lambda f: f(few("maml_softmax"), QUERIES),
    "instance_if_support": lambda f: f(few("maml_softmax"), SUPPORTS),
    "instance_if_frozen": lambda f: f(few("proximal_softmax"), SUPPORTS),
    "inner_if": lambda f: f(few("proximal_softmax"), SUPPORTS),
    "direct_if": lambda f: f(pulled(), TASKS),
    "source": lambda f: f(*asked(), segments=1, checkpoints=1),
    "task_if_at_end": lambda f: f(*asked(), damping=20.0),
    "classical_if": lambda f: f(few("single_softmax"), QUERIES),
    "ekfac_if": lambda f: f()(few("single_softmax"), QUERIES),
    "tlxml_pruned": lambda f: f(2)(few("maml_softmax"), TASKS),
    "arnoldi_if": lambda f: f(2)(few("maml_softmax"), TASKS),
    "task_if_subsampled": lambda f: f(2)(few("maml_softmax"), TASKS),
    "lissa_if": lambda f: f(2)(few("maml_softmax"), TASKS),
    "fast_if": lambda f: near(f, few("maml_softmax")),
    "influence_measure": lambda f: f(few("single_softmax"), QUERIES, few("single_softmax").tasks),
    "fi_util": lambda f: f(few("single_softmax"), QUERIES, few("single_softmax").tasks),
    "responses": lambda f: f(few("single_softmax"), TASKS, damping=1.0),
    "fi_active": lambda f: f(few("single_softmax"), QUERIES, few("single_softmax").tasks),
    "kfsvd": lambda f: f(few("single_softmax"), QUERIES, few("single_softmax").tasks, rank=2),
    "predicted_ranks": lambda f: f(np.arange(6.0)[:, None], np.arange(6.0), range(6)),
    "bald": lambda f: f(torch.eye(2, dtype=torch.float64)[[0, 1]][:, None]),
    "head": networks_head,
    "trak": lambda f: f(few("line"), QUERIES, few("line").tasks),
    "representer_points": lambda f: f(few("line"), torch.ones(2, 3, dtype=torch.float64)),
    "task_rows": lambda f: f(few("maml_softmax")),
    "rps_lje": lambda f: f(few("line"), torch.ones(2, 3, dtype=torch.float64)),
    "high_dimensional": lambda f: f(*lasso(), strength=0.5),
    "trex": lambda f: f(*booster()[:2]).value,
    "tracin_we": lambda f: f(of_words(), TASKS, of_words().program.problem.tasks),
    "vae_tracin": lambda f: f(of_vae()[0], TASKS, of_vae()[1]),
    "tracin_ad": lambda f: f(*of_vae()).tail,
    "expected": lambda f: f([trained(), trained()], TASKS, trained().program.problem.tasks).value,
    "leave_m_out": lambda f: f(Table(V), 2).values,
    "memorisation": lambda f: f(Table(SQUARE)).values,
    "consistency_profile": lambda f: f(Table(SQUARE), 2).values,
    "c_score": lambda f: f(Table(SQUARE)).values,
    "tmc_shapley": lambda f: f(Table(V), 0.0).values,
    "beta_shapley": lambda f: f(Table(V), 4.0, 1.0).values,
    "gradient_shapley": lambda f: f(few("maml_softmax"), few("maml_softmax").tasks, 0.1).values,
    "knn_shapley": knn,
    "knn_leave_one_out": knn,
    "datamodel": lambda f: f(Table(V)).weights.values,
}
HOW = {
    "minimiser": lambda f: on(f, few("maml_softmax"), TASKS),
    "run": lambda f: f(*asked()),
    "game": lambda f: f(Table(V)).values,
    "trees": lambda f: f(*booster()),
}


def called(entry):
    method = entry.load()
    name = entry.place.rpartition(".")[2]
    if isinstance(method, Method) and name not in OWN:
        return method(few("maml_softmax"), TASKS)
    return (OWN.get(name) or HOW[entry.reads])(method)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.place)
def test_an_entry_is_called(entry):
    """Guards a name that no longer imports, or an estimator that answers with NaN, or with nothing."""
    got = np.asarray(called(entry))
    assert got.size and np.isfinite(got).all()
    assert got.any(), "all zero"


def asks(entry):
    """Whether it is asked about a list of perturbations."""
    method = entry.load()
    names = {"perturbations", "instances", "labelled", "removed", "pis"}
    return isinstance(method, Method) or bool(names & set(inspect.signature(method).parameters))


@pytest.mark.parametrize("entry", [e for e in ENTRIES if asks(e)], ids=lambda e: e.place)
def test_an_entry_refuses_what_names_nothing(entry, monkeypatch):
    """Guards the last task or instance given for -1, and torch's own errors for places beyond the end or
    for an empty list."""
    places = [(-1, 0), (99, 0), (0, -1), (0, 99), None]
    for at in places:
        lists = {"TASKS": mi.query, "QUERIES": mi.query, "SUPPORTS": mi.support}
        for name, kind in lists.items():
            wrong = [kind(*at)] if at else []
            if name == "TASKS" and at and at[1] == 0:
                wrong = [mi.task(at[0])]
            monkeypatch.setattr(sys.modules[__name__], name, wrong)
        with pytest.raises((mi.InvalidProblem, mi.InvalidOption)):
            called(entry)


FIRST = {
    "minimiser": [["problem", "perturbations"], ["problem", "instances"], ["problem", "labelled"]],
    "point": [["problem", "removed", "damping"]],
    "run": [["run", "perturbations", "targets"]],
    "runs": [["runs", "perturbations", "targets"]],
    "run, targets": [["run", "targets"]],
    "game": [["game"]],
    "own game": [["problem", "target", "rate"]],
    "probabilities": [["probabilities"]],
}


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.place)
def test_an_entry_is_called_as_it_says(entry):
    """Guards a line that says `game` of what takes a problem, or `run` of what takes no perturbations."""
    taken = list(inspect.signature(entry.load()).parameters)
    makes = isinstance(entry.load(), Method) or entry.load().__annotations__["return"] in (
        "Method",
        Method,
    )
    if entry.reads in FIRST and not makes:
        assert any(taken[: len(first)] == first for first in FIRST[entry.reads]), taken
    else:
        assert makes or entry.reads in ("features", "trees", "values")
        assert "game" not in taken and "run" not in taken


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.place)
def test_an_entry_has_its_test(entry):
    """Guards a table that points to a test which does not look at the estimator."""
    name = entry.place.rpartition(".")[2]
    text = (ROOT / entry.test).read_text()
    helper = ROOT / "tests/methods/game/tables.py"
    if entry.reads == "game":
        text += helper.read_text()
    assert name in text.replace("(", " ").replace(".", " ").replace(",", " ").split()


def test_the_catalogue_holds_every_estimator_of_the_rooms():
    """Guards a new estimator that is left out of the list."""
    places = {e.place.rpartition(".")[2] for e in ENTRIES}
    parts = {"Boosted", "Datamodel", "alphas", "features", "feature_tasks"}
    for room in (game, run, features):
        assert set(room.__all__) - parts <= places
    assert len({e.name for e in ENTRIES}) == len(ENTRIES) == len({e.place for e in ENTRIES})


def test_one_command_prints_it():
    """Guards a listing that cuts names in a pipe, and a word that nothing has."""
    out = CliRunner().invoke(app, ["methods", "--markdown"])
    assert out.exit_code == 0
    for e in ENTRIES:
        assert f"| {e.name} | {e.reads} | {e.estimand} | {e.path} | {e.test} |" in out.output
    assert {e.name for e in find("LEAF")} == {"LeafRefit", "LeafInfluence"}
    assert CliRunner().invoke(app, ["methods", "nothing-like-it"]).exit_code == 2
