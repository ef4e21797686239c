"""The ledger: parts that add up, runs that survive a kill, numbers that are what they say."""

import json
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import metainfl as mi
from metainfl.advice.advise import advise
from metainfl.cli import app
from metainfl.ledger import lds
from metainfl.ledger.compare import compare
from metainfl.ledger.every import every_question
from metainfl.ledger.measure import order, spread
from metainfl.ledger.problems import asked, case_of, removals
from metainfl.ledger.run import cells_of, chosen, run
from metainfl.ledger.split import PARTS, chain, estimate, split
from metainfl.ledger.store import Store
from metainfl.methods import task_if, task_if_gamma, task_if_paper
from metainfl.oracle import small_case
from tests.helpers import assert_close, relative


@pytest.mark.parametrize(
    "parts",
    [
        ("exact", "exact", "dense"),
        ("EK-FAC inner", "empirical Fisher", "Neumann, 10 terms"),
        ("exact", "Gauss-Newton", "Lanczos, half rank"),
    ],
)
def test_the_parts_of_the_error_add_up(parts):
    case = case_of("proximal_softmax", tasks=6)
    pis = asked(case, "task", 6)
    kept, removed = removals(case, pis)
    assert len(kept) == 6
    off = case.solution.lam + 1e-3 * np.random.default_rng(0).standard_normal(9)
    names = dict(zip(("derivative", "curvature", "solver"), parts, strict=True))
    steps = chain(case, pis, removed, **names, lam=off, dtype=torch.float32)
    found = split(steps)
    pieces = sum(b - a for a, b in pairwise(steps))
    assert np.abs(pieces - (steps[-1] - steps[0])).max() < 1e-12
    assert sum(found[f"share: {p}"] for p in PARTS) == pytest.approx(1, abs=1e-9)
    assert found["total"] == pytest.approx(relative_norm(steps[-1], steps[0]))
    low = case.problem(torch.float32)
    low.lam = torch.tensor(off)
    assert_close(steps[-1], estimate(low, pis, *parts), 1e-12)  # the last one is the method itself
    sizes = [found[f"size: {p}"] for p in PARTS]
    assert sizes[0] > 0.01 and 1e-5 < sizes[1] < 0.1 and 0 < sizes[5] < 1e-2
    changed = [parts[0] != "exact", parts[1] != "exact", parts[2] != "dense"]
    assert [s > 1e-9 for s in sizes[2:5]] == changed


def relative_norm(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


def test_choices_are_the_methods_they_name():
    case = case_of("proximal_softmax", tasks=6)
    pis, problem = asked(case, "task", 6), case.problem()
    assert_close(estimate(problem, pis), task_if(problem, pis), 1e-12)
    gamma = estimate(problem, pis, curvature="Gamma")
    assert_close(gamma, task_if_gamma(problem, pis), 1e-8)
    assert (
        relative(estimate(problem, pis, "EK-FAC inner", "Gamma"), task_if_paper(problem, pis))
        < 1e-8
    )


def test_gamma_on_ridge_is_a_scaled_gradient():
    """As measured elsewhere: about 0.8 off, and parallel to 0.95 or so."""
    question = every_question()["parts"]
    cell = {"family": "proximal_ridge", "kind": "task", "derivative": "exact"}
    row = question.compute(**cell, curvature="Gamma", solver="dense")
    assert 0.6 < row["T1 error"] < 1 and 0.9 < row["T1 cosine"] < 0.999
    assert row["size: curvature"] > 2 * row["size: first-orderness"]
    assert row["verdict"] in ("ranks only", "not usable")


def test_the_neumann_question_meets_its_prediction():
    question = every_question()["neumann"]
    for terms in (1, 5, 20):
        row = question.compute(family="proximal_ridge", terms=terms)
        assert row["T1 error"] <= row["predicted error"] * (1 + 1e-9)


def test_orders_and_their_interval():
    rng = np.random.default_rng(0)
    truth = rng.standard_normal((40, 2))
    same = order(truth, truth, "x")
    assert same["x Spearman"] == pytest.approx(1) and same["x top 5"] == 1
    inside = 0
    for _ in range(200):  # bivariate normal with correlation 0.8: population Spearman 0.786
        a = rng.standard_normal(40)
        b = 0.8 * a + 0.6 * rng.standard_normal(40)
        row = order(a[:, None], b[:, None], "x")
        inside += row["x Spearman low"] <= 0.786 <= row["x Spearman high"]
    assert inside > 200 * 0.9 and spread(0, 103) == pytest.approx(0.1)


def test_lds_of_the_truth_is_high_and_of_noise_is_not():
    case = case_of("proximal_ridge", tasks=12)
    scores = -case.truth("derivative", asked(case, "task", 12)) @ case.target_gradients
    noise = np.random.default_rng(0).standard_normal(scores.shape)
    assert lds.score(case, scores, 20) > 0.8 > 0.6 > abs(lds.score(case, noise, 20))


def test_every_question_answers_and_draws(tmp_path):
    """One cell of each, with the columns its table promises, and a figure where rows suffice."""
    from metainfl.report.figures import draw

    for question in every_question().values():
        cells = question.cells(True)
        assert len({json.dumps(c, sort_keys=True) for c in cells}) == len(cells)
        if question.name == "parts":
            cells = [c for c in cells if c["family"] == "single_softmax"]
        rows = [{**c, **question.compute(**c)} for c in cells[:1]]
        known = set().union(*rows)
        assert set(question.columns) - known <= {"cost in peak MiB", "LiSSA error"}, question.name
        if question.name not in ("parts", "groups", "conditioning"):
            assert draw(question.name, question.draw, rows, tmp_path).stat().st_size > 1000


def test_store_survives_a_cut_line_and_names_a_broken_one(tmp_path):
    store = Store(tmp_path)
    store.add({"question": "x", "a": 1}, {"y": 2.0}, 0.1)
    with store.path.open("a") as f:
        f.write('{"cell": {"question": "x", "a": 2}, "res')
    again = Store(tmp_path)
    assert again.has({"a": 1, "question": "x"}) and len(again.rows) == 1
    again.add({"question": "x", "a": 2}, {"y": 3.0}, 0.1)
    assert len(Store(tmp_path).rows) == 2
    with store.path.open("a") as f:
        f.write("nonsense\n")
    with pytest.raises(mi.InvalidProblem, match="line 3"):
        Store(tmp_path)


@pytest.mark.slow
def test_killed_and_resumed_gives_the_same_numbers(tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    work = cells_of(chosen(["damping"]), True)
    run(Store(whole), work)
    command = [
        sys.executable,
        "-m",
        "metainfl",
        "bench",
        "damping",
        "--quick",
        "--out",
        str(cut),
    ]
    killed = 0
    for patience in (1, 2):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        cells = cut / "cells.jsonl"
        until = time.time() + 60
        while process.poll() is None and time.time() < until:
            if cells.exists() and len(cells.read_text().splitlines()) >= 3 * patience:
                os.kill(process.pid, signal.SIGKILL)
                killed += 1
                break
            time.sleep(0.005)
        process.wait()
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    changes, left, right = compare(whole, cut)
    assert not changes and not left and not right and killed >= 1
    assert (cut / "report.html").exists() and (cut / "figures" / "damping.png").exists()


def test_compare_and_bad_arguments(tmp_path):
    runner = CliRunner()
    for name, value in (("a", 1.0), ("b", 2.0)):
        Store(tmp_path / name).add({"question": "x"}, {"y": value, "cost z": value}, 0.1)
    folders = [str(tmp_path / "a"), str(tmp_path / "b")]
    found = runner.invoke(app, ["bench", "compare", *folders])
    assert found.exit_code == 1 and "y: 1.0 -> 2.0" in found.output and "cost" not in found.output
    assert runner.invoke(app, ["bench", "compare", folders[0], folders[0]]).exit_code == 0
    for bad in (
        ["nonsense"],
        ["compare", "x"],
        ["compare", "x", "y"],
        ["sizes", "--families", "x"],
    ):
        found = runner.invoke(app, ["bench", *bad])
        assert found.exit_code == 2, bad
    listed = runner.invoke(app, ["bench", "--list"]).output
    assert all(name in listed for name in every_question())


def test_a_device_goes_where_it_is_taken():
    """`meta` stands for a device that is not there: the cells say so, and only those that use it."""
    work = cells_of(chosen(["precision", "damping"]), True, device="meta")
    assert {q.name for q, c in work if "device" in c} == {"precision"}


def test_a_cell_that_fails_is_an_answer(tmp_path):
    store = Store(tmp_path)
    question = every_question()["parts"]
    cell = {"question": "parts", "family": "proximal_ridge", "kind": "task", "derivative": "exact",
            "curvature": "EK-FAC", "solver": "dense"}  # fmt: skip
    run(store, [(question, cell)])
    (row,) = store.of([cell])
    assert row["failed"].startswith("InvalidProblem: K-FAC and EK-FAC approximate single-level")


@pytest.mark.parametrize("name", ["single_softmax", "proximal_ridge", "prototypes"])
def test_advice_keeps_its_promise(name):
    case = small_case(name, 1)
    found = advise(case.problem(), 1e-3, measure=True)
    certificate = case.solution.certificate
    assert found.high == pytest.approx(certificate.largest, rel=1e-6)
    assert found.low <= certificate.smallest * (1 + 1e-9)
    assert found.low == pytest.approx(certificate.smallest, rel=1e-6)
    assert found.measured is not None and found.measured <= max(found.predicted, 1e-12) * 100
    assert found.solver == "dense" and found.damping == 0
    b = case.problem().task_gradients(torch.tensor(case.solution.lam)).T
    a = mi.curvature.exact(case.problem())
    if name != "prototypes":
        want = torch.linalg.solve(a.dense(), b)
        steps = mi.solve.CG(max_iterations=found.cg_iterations, allow_unconverged=True)(a, b)
        assert float(((steps.solution - want).norm(dim=0) / want.norm(dim=0)).max()) <= 1e-3
        series = mi.solve.Neumann(terms=found.neumann_terms, scale=found.neumann_scale, low=found.low,
                                  allow_unconverged=True)(a, b)  # fmt: skip
        assert float(((series.solution - want).norm(dim=0) / want.norm(dim=0)).max()) <= 1e-3
    assert (found.ekfac_safe is None) == (name != "single_softmax")
    assert "solver       dense" in str(found)
    with pytest.raises(mi.InvalidOption, match="between 0 and 1"):
        advise(case.problem(), 2.0)


def test_advice_on_the_command_line(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "from metainfl.oracle import small_case\n"
        "def problem():\n    return small_case('single_ridge').problem()\n"
        "number = 3\n"
    )
    runner = CliRunner()
    out = tmp_path / "advice.json"
    found = runner.invoke(app, ["advise", f"{file}:problem", "--measure", "--json", str(out)])
    assert found.exit_code == 0 and "EK-FAC       may stand for H" in found.output
    assert json.loads(out.read_text())["ekfac_safe"] is True
    assert runner.invoke(app, ["advise", f"{file}:number"]).exit_code == 2


def test_memory_counts_what_the_work_takes():
    from metainfl.ledger.memory import growth

    code = "from metainfl.ledger.memory import growth; import numpy as np\n"
    code += "print(growth(lambda: np.ones(2**23).sum()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 60 < float(done.stdout) < 90  # 64 MiB
    assert growth(lambda: None) < 5
