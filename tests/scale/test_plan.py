"""Plans: how predictions are put together. How near they come is measured by `python -m bench.plan`."""

import pytest
import torch

from metainfl.errors import InvalidOption
from metainfl.scale.plan import Plan, plan
from metainfl.training import Adam, Recipe, train
from tests.training.helpers import network

KNOWN = Plan(
    steps=100,
    tasks=20,
    parameters=5,
    step=0.1,
    fixed=0.2,
    target=0.05,
    state=120,
    states=100,
    batch=5,
)


def test_rows_add_up():
    """Guards removals that are priced as steps, and ranks that speed up nothing."""
    rows = {r["what"]: r for r in KNOWN.rows(targets=4, removals=3, game=7)}
    assert rows["training"]["seconds"] == pytest.approx(10)
    assert rows["adjoint of 4 targets"]["seconds"] == pytest.approx(100 * (0.2 + 4 * 0.05))
    assert rows["3 removals, run again"]["seconds"] == pytest.approx(30)
    assert rows["a game of 7 replays"]["seconds"] == pytest.approx(70)
    assert rows["training"]["bytes"] == 100 * 120
    fast = KNOWN.rows(targets=4, removals=3, game=7, speed=2, ranks=5)
    for a, b in zip(fast, rows.values(), strict=True):
        assert a["seconds"] == pytest.approx(b["seconds"] / 10)


def test_more_ranks_than_tasks_of_a_step_have_nothing_to_do():
    """Guards a run that a thousand processes make a thousand times as fast, five tasks a step."""
    rows = KNOWN.rows(targets=4, removals=3, game=70, ranks=100)
    alone = KNOWN.rows(targets=4, removals=3, game=70)
    assert [a["seconds"] / b["seconds"] for a, b in zip(alone, rows, strict=True)] == pytest.approx(
        [5, 5, 15, 100]
    )


def test_states_that_do_not_fit_are_computed_again():
    short = Plan(**{**vars(KNOWN), "states": 10, "again": 250})
    adjoint = short.rows(targets=1, removals=0, game=0)[1]
    assert adjoint["seconds"] == pytest.approx(100 * 0.25 + 25)
    assert adjoint["bytes"] == 10 * 120 + 8 * 20


def test_a_plan_is_measured_on_the_recipes_own_steps():
    problem = network()
    found = plan(
        problem, Recipe(optimiser=Adam(), rate=0.01, steps=50, batch_size=4), problem.tasks
    )
    assert (found.steps, found.tasks, found.parameters) == (50, 6, problem.n_meta)
    assert found.step > 0 and found.fixed + found.target > 0
    assert found.state == 3 * 8 * problem.n_meta  # lam and Adam's two moments


@pytest.mark.parametrize("room", [1, 4, 9, 20, 30, 40])
def test_states_and_steps_again_are_those_of_the_run(room):
    """Guards a plan of one step more a step, where little room makes it three; and states that none holds."""
    problem, recipe = network(), Recipe(rate=0.01, steps=40, batch_size=2)
    keep = room * 8 * problem.n_meta
    found = plan(problem, recipe, problem.tasks, keep=keep)
    run = train(problem, recipe, keep=keep, progress=False)
    run.sensitivities(torch.ones(1, problem.n_meta, dtype=torch.float64))
    assert (found.states, found.again) == (run.kept.peak, run.kept.recomputed)


@pytest.mark.parametrize("options", [{"targets": -1}, {"speed": 0.0}, {"ranks": 0}])
def test_options_are_told(options):
    with pytest.raises(InvalidOption):
        KNOWN.rows(**{"targets": 1, "removals": 0, "game": 0, **options})
