"""States kept within a bound: the same numbers, and never more states than there is room for."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import metainfl as mi
from metainfl.errors import InvalidRecipe
from metainfl.methods.run import tracin_ideal
from metainfl.training import Adam, Recipe, train
from tests.training.helpers import network


@pytest.mark.parametrize("room", [1, 2, 3, 5, 8, 11, 12])
def test_any_room_gives_the_same_derivatives(room):
    """Guards recomputation that is not the run: equal to the last digit, within the bytes given."""
    recipe = Recipe(optimiser=Adam(), rate=0.01, steps=11, batch_size=2)
    whole = train(network(), recipe, progress=False)
    seeds = torch.randn(1, len(whole.lam), dtype=torch.float64)
    want = whole.sensitivities(seeds)
    size = whole.state.bytes()
    run = train(network(), recipe, keep=room * size + size // 2, progress=False)
    assert torch.equal(run.lam, whole.lam)
    for _ in range(2):  # what a pass keeps is released
        found = run.sensitivities(seeds)
        assert torch.equal(found.value["task_weight"], want.value["task_weight"])
        assert torch.equal(found.start, want.start)
    assert run.kept.peak <= room
    for t in (0, 7, 10, 11):
        assert torch.equal(run.state_at(t).lam, whole.state_at(t).lam)


@pytest.mark.parametrize(("steps", "room", "most"), [(40, 40, 0), (60, 16, 1), (80, 8, 3)])
def test_work_is_what_the_scheme_predicts(steps, room, most):
    """Guards a scheme that recomputes quadratically: at most `most` more runs, where C^2/4 >= S one."""
    recipe = Recipe(rate=0.001, steps=steps, batch_size=1)
    size = 39 * 8
    run = train(network(), recipe, keep=room * size, progress=False)
    run.sensitivities(torch.ones(1, 39, dtype=torch.float64))
    assert run.kept.peak <= room
    assert run.kept.recomputed <= most * steps


def test_states_read_upwards_are_computed_again_once():
    """Guards work that grows as the square of the steps: TracIn and its kin read a state a step."""
    recipe = Recipe(optimiser=Adam(), rate=0.01, steps=40, batch_size=1)
    whole = train(network(), recipe, progress=False)
    run = train(network(), recipe, keep=4 * whole.state.bytes(), progress=False)
    found = list(run.states_at(range(41)))
    assert run.kept.recomputed <= 40 and [t for t, _ in found] == list(range(41))
    assert all(torch.equal(s.lam, whole.state_at(t).lam) for t, s in found)
    assert all(torch.equal(s.lam, whole.state_at(t).lam) for t, s in run.states_at((39, 3, 7, 40)))
    few = train(network(), replace(recipe, batch_size=None, batches=[[k % 3] for k in range(40)]),
                keep=4 * whole.state.bytes(), progress=False)  # fmt: skip
    tracin_ideal(few, [mi.task(0)], few.program.problem.tasks.select([1]))
    assert few.kept.recomputed <= 40


def test_less_than_one_state_is_refused():
    """Guards a bound that is quietly exceeded."""
    with pytest.raises(InvalidRecipe, match=r"keep is 311 bytes.*takes 312"):
        train(network(), Recipe(rate=0.1, steps=2), keep=311, progress=False)


@pytest.mark.parametrize("kind", [np.int64, np.float32, np.array, torch.tensor])
def test_room_in_numbers_of_other_kinds(kind):
    """Guards a refusal of numbers of numpy and torch, which may be the product of a shape."""
    run = train(network(), Recipe(rate=0.1, steps=2), keep=kind(2**20), progress=False)
    assert run.kept.keep == 2**20 and type(run.kept.keep) is int
