"""Training runs of the experiments are on the device that is asked for."""

import sys

import pytest
import torch

from metainfl.cli import main
from metainfl.errors import InvalidOption
from metainfl.experiments import EXPERIMENTS, Experiment, kept, reproduce
from metainfl.experiments.paper_004 import nets
from metainfl.experiments.placing import on, run_there
from metainfl.training import Recipe
from tests.experiments.shrunk import shrunk

NAMES = [n for n, e in EXPERIMENTS.items() if e.paper != "004"]
NETWORKS = [n for n, e in EXPERIMENTS.items() if e.paper == "004" and e.trains]
#: one of each way to a run; a device is asked for in all of them
FEW = ("001-pictures", "002-convolution", "002-groups", "002-degraded")
CUDA = pytest.param(
    ("cuda", None),
    marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
)


@pytest.mark.slow
@pytest.mark.parametrize("place", [("cpu", "float32"), CUDA])
@pytest.mark.parametrize("name", NAMES)
def test_runs_are_where_they_are_asked_to_be(name, place, monkeypatch):
    """Guards tasks that stay behind; single precision stands in for a device where there is none."""
    if place == ("cpu", "float32") and name not in FEW:
        pytest.skip("asked of a device alone")
    placed, made = [], kept.trained

    def seen(problem, recipe):
        run = made(problem, recipe)
        placed.append((run.lam.device.type, run.lam.dtype))
        return run

    for module in list(sys.modules.values()):  # those that took it by name too
        if getattr(module, "trained", None) is made:
            monkeypatch.setattr(module, "trained", seen)
    with on(*place):
        shrunk(name, monkeypatch).cell("small", 0, None)
    device, dtype = place
    assert placed and set(placed) == {(device, getattr(torch, dtype or "float64"))}


def test_what_trains_no_run_has_no_device(tmp_path, capsys):
    with pytest.raises(InvalidOption, match="trains no network: it is computed on the CPU"):
        reproduce("004-printed", out=tmp_path, device="cuda")
    with pytest.raises(SystemExit, match="2"):
        main(["reproduce", "004-printed", "--out", str(tmp_path), "--device", "nosuch"])
    assert "nosuch" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_cells_are_made_where_they_are_asked_for(tmp_path, monkeypatch):
    """Guards a device that is dropped on the way to the cell."""
    seen = []

    def cell(size, seed, data):
        seen.append(run_there(Recipe(rate=0.1, steps=1)).device)
        return {}

    toy = Experiment("toy", "001", "nowhere", "A toy.", cell, (), lambda cells: [])
    monkeypatch.setitem(EXPERIMENTS, "toy", toy)
    reproduce("toy", out=tmp_path, seeds=2, device="cuda:1")
    assert seen == ["cuda:1", "cuda:1"]
    reproduce("toy", out=tmp_path, seeds=2, device="cuda:1")  # kept
    with pytest.warns(UserWarning, match="2 seeds are kept in .* will be of 1 of them"):
        reproduce("toy", out=tmp_path, seeds=1)  # not of another device
    assert seen == ["cuda:1", "cuda:1", None]


@pytest.mark.parametrize("place", [("cpu", "float64"), CUDA])
@pytest.mark.parametrize("name", NETWORKS)
def test_networks_of_004_are_where_they_are_asked_to_be(name, place, monkeypatch):
    """Guards a network, or what it reads, that stays behind; its head is solved on the CPU."""
    made, heads, network = [], [], nets.network

    def seen(*arguments):
        made.append(network(*arguments))
        return made[-1]

    def solved(self, *arguments, **options):
        heads.append(self.tasks.query_x)
        return solve(self, *arguments, **options)

    solve = nets.Problem.solve
    monkeypatch.setattr(nets, "network", seen)
    monkeypatch.setattr(nets.Problem, "solve", solved)
    with on(*place):
        shrunk(name, monkeypatch).cell("small", 0, None)
    device, dtype = place
    found = {(t.device.type, t.dtype) for net in made for t in net.parameters()}
    assert made and found == {(device, getattr(torch, dtype or "float32"))}
    assert {(x.device.type, x.dtype) for x in heads} == {("cpu", torch.float64)}
