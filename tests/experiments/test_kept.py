"""What a kill leaves of an experiment: the steps that were made, which give the same numbers."""

import json
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch

from metainfl.cli import main
from metainfl.errors import InvalidOption
from metainfl.experiments import EXPERIMENTS, Experiment, reproduce
from metainfl.experiments.kept import reruns, step, trained
from metainfl.problem.perturbation import task
from metainfl.training import Recipe, train
from metainfl.training.program import Program
from tests.training.helpers import network

MADE = []


def slow_cell(size, seed, data):
    """Six steps; the last of them is stopped the first time that it is come to."""
    found = {}
    for k in range(6):

        def make(k=k):
            MADE.append((seed, k))
            if MADE.count((1, 5)) == 1 and (seed, k) == (1, 5):
                raise KeyboardInterrupt
            return {"x": k / 3, "far": float("inf")}

        found[f"step {k}"] = step(f"step {k}", make)
    return found


@pytest.fixture
def slow(monkeypatch):
    MADE.clear()
    made = Experiment("slow", "000", "nowhere", "Slow.", slow_cell, (), lambda cells: [])
    monkeypatch.setitem(EXPERIMENTS, "slow", made)


def cells(folder):
    return [json.loads(p.read_text()) for p in sorted(folder.glob("*/cells/seed-*.json"))]


def test_a_step_is_made_once(slow, tmp_path):
    """Guards a seed that starts from nothing again, and steps that stay when it is done."""
    with pytest.raises(KeyboardInterrupt):
        reproduce("slow", out=tmp_path, seeds=3)
    assert [(s, k) for s in (0, 1) for k in range(6)] == MADE
    reproduce("slow", out=tmp_path, seeds=3)
    assert MADE[12:] == [(1, 5), *((2, k) for k in range(6))]
    assert not list(tmp_path.glob("*/cells/*.steps"))
    whole = cells(tmp_path)
    reproduce("slow", out=tmp_path / "again", seeds=3)
    assert cells(tmp_path / "again") == whole


def test_steps_of_another_version_are_made_again(slow, tmp_path, monkeypatch):
    with pytest.raises(KeyboardInterrupt):
        reproduce("slow", out=tmp_path, seeds=2)
    monkeypatch.setitem(EXPERIMENTS, "slow", replace(EXPERIMENTS["slow"], version=2))
    reproduce("slow", out=tmp_path, seeds=2)
    assert MADE[12:] == [(s, k) for s in (0, 1) for k in range(6)]


def test_two_steps_of_one_name_are_refused(slow, tmp_path, monkeypatch):
    """Guards the first one's numbers in the place of the second's."""

    def twice(size, seed, data):
        return {"a": step("same", lambda: 1), "b": step("same", lambda: 2)}

    monkeypatch.setitem(EXPERIMENTS, "slow", replace(EXPERIMENTS["slow"], cell=twice))
    with pytest.raises(InvalidOption, match="two steps of a cell are called 'same'"):
        reproduce("slow", out=tmp_path, seeds=1)


def test_a_step_leaves_the_generator_as_it_was(slow, tmp_path, monkeypatch):
    """Guards numbers that depend on whether a step before them was made or read."""

    def drawn(size, seed, data):
        torch.manual_seed(seed)
        step("draws", lambda: torch.rand(3).tolist())
        last = torch.rand(1).item()
        if not (tmp_path / "go").exists():
            raise KeyboardInterrupt
        return {"last": last}

    monkeypatch.setitem(EXPERIMENTS, "slow", replace(EXPERIMENTS["slow"], cell=drawn))
    with pytest.raises(KeyboardInterrupt):
        reproduce("slow", out=tmp_path, seeds=1)
    (tmp_path / "go").touch()
    reproduce("slow", out=tmp_path, seeds=1)
    torch.manual_seed(0)
    assert cells(tmp_path)[0]["cell"] == {"last": torch.rand(1).item()}


def test_runs_and_reruns_are_kept(slow, tmp_path, monkeypatch):
    """Guards a training that is taken from its start again, and reruns that are run twice."""
    taken, stops, advance = [], (6, 30), Program.advance

    def counted(self, t, state):
        taken.append(t)
        if len(taken) in stops:
            raise KeyboardInterrupt
        return advance(self, t, state)

    monkeypatch.setattr(Program, "advance", counted)
    recipe = Recipe(rate=0.01, steps=8, batch_size=4, seed=3)
    without = [task(k) for k in range(6)]

    def cell(size, seed, data):
        return {"lams": reruns(trained(network(), recipe), without).tolist()}

    monkeypatch.setitem(EXPERIMENTS, "slow", replace(EXPERIMENTS["slow"], cell=cell))
    for stopped in stops:  # in the sixth step of the run, in the fifth of the third rerun
        with pytest.raises(KeyboardInterrupt):
            reproduce("slow", out=tmp_path, seeds=1)
        assert len(taken) == stopped
    reproduce("slow", out=tmp_path, seeds=1)
    assert len(taken) == 30 + 4 * 8
    whole = train(network(), recipe, progress=False).replay_many(without)
    assert cells(tmp_path)[0]["cell"]["lams"] == whole.tolist()


@pytest.mark.parametrize("where", ["a step", "training", "a rerun"])
def test_ctrl_c_says_what_is_kept(slow, tmp_path, monkeypatch, capsys, where):
    """Guards a message of the part that was interrupted, which says nothing of the seeds."""
    recipe = Recipe(rate=0.01, steps=8, batch_size=4, seed=3)
    advance, taken = Program.advance, []
    stop = {"a step": 0, "training": 3, "a rerun": 11}[where]

    def counted(self, t, state):
        taken.append(t)
        if len(taken) == stop:
            raise KeyboardInterrupt
        return advance(self, t, state)

    def made():
        if not stop and not taken:
            taken.append(0)
            raise KeyboardInterrupt
        return 1

    def cell(size, seed, data):
        run = trained(network(), replace(recipe, seed=seed))
        taken[:] = taken if stop else []
        return {"x": step("x", made), "lams": reruns(run, [task(0)]).tolist()}

    monkeypatch.setattr(Program, "advance", counted)
    monkeypatch.setitem(EXPERIMENTS, "slow", replace(EXPERIMENTS["slow"], cell=cell))
    options = ["reproduce", "slow", "--seeds", "2", "--out", str(tmp_path), "--no-progress"]
    with pytest.raises(SystemExit) as ended:
        main(options)
    assert ended.value.code == 130
    said = capsys.readouterr().err.strip()
    kept = f"What was done of them is kept in {tmp_path}: the same command goes on"
    assert said == (f"interrupted: 0 of 2 seeds of slow finished; the other 2 were not. {kept}")


SCRIPT = """
import sys, time
from pathlib import Path
from metainfl.experiments import EXPERIMENTS, Experiment, reproduce
from metainfl.experiments.kept import reruns, step, trained
from metainfl.problem.perturbation import task
from metainfl.training import Recipe
from tests.training.helpers import network

log = Path(sys.argv[2])

def cell(size, seed, data):
    run = trained(network(), Recipe(rate=0.01, steps=6, batch_size=4, seed=seed))
    lams = reruns(run, [task(k) for k in range(3)])
    def made(k):
        time.sleep(0.1)
        with log.open("a") as file:
            file.write(f"{seed} {k}\\n")
        return lams[k % 3].tolist()
    return {str(k): step(str(k), lambda: made(k)) for k in range(12)}

EXPERIMENTS["slow"] = Experiment("slow", "000", "nowhere", "Slow.", cell, (), lambda cells: [])
reproduce("slow", out=sys.argv[1], seeds=2)
"""


@pytest.mark.slow
def test_killed_twice_at_random_the_same_numbers(tmp_path):
    """SIGKILL twice on the way: the same numbers, and of what was made at most the step in hand again."""

    def start(name):
        log = tmp_path / f"{name}.log"
        log.touch()
        command = [sys.executable, "-c", SCRIPT, str(tmp_path / name), str(log)]
        return subprocess.Popen(command), log

    whole, _ = start("whole")
    assert whole.wait(timeout=280) == 0
    draw, ends = random.Random(time.time_ns()), time.monotonic() + 280
    for _ in range(2):
        process, log = start("cut")
        before, more = len(log.read_text().split("\n")), draw.randint(1, 11)
        while len(log.read_text().split("\n")) < before + more:
            assert process.poll() is None and time.monotonic() < ends
            time.sleep(0.005)
        time.sleep(draw.random() * 0.2)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not list(tmp_path.glob("cut/*/result.json"))
    last, log = start("cut")
    assert last.wait(timeout=280) == 0
    assert cells(tmp_path / "cut") == cells(tmp_path / "whole")
    made = log.read_text().split()
    assert 2 * 12 <= len(made) // 2 <= 2 * 12 + 2
