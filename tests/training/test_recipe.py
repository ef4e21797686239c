"""Recipes: batches by seed, rates, JSON, and what cannot be one."""

import pytest
import torch

from metainfl.errors import InvalidRecipe
from metainfl.training import SGD, Adam, AdamW, Recipe


def test_batches_visit_every_task_once_an_epoch_and_the_last_is_smaller():
    """Guards a last batch that is dropped, or filled with tasks seen before."""
    batches = Recipe(rate=0.1, steps=6, batch_size=4, seed=3).batches_of(10)
    assert [len(b) for b in batches] == [4, 4, 2, 4, 4, 2]
    for epoch in (batches[:3], batches[3:]):
        assert sorted(k for b in epoch for k in b) == list(range(10))
    assert batches[:3] != batches[3:]
    assert Recipe(rate=0.1, steps=6, batch_size=4, seed=3).batches_of(10) == batches
    assert Recipe(rate=0.1, steps=6, batch_size=4, seed=4).batches_of(10) != batches
    assert Recipe(rate=0.1, steps=2).batches_of(3) == ((0, 1, 2), (0, 1, 2))


def test_drawing_batches_leaves_the_random_state_alone():
    """Guards a library that changes something global."""
    before = torch.random.get_rng_state()
    Recipe(rate=0.1, steps=6, batch_size=4).batches_of(10)
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(rate=0.1, steps=3),
        Recipe(optimiser=SGD(0.9, nesterov=True), rate=[0.1, 0.2], batches=[[0, 1], [2]], clip=2.0),
        Recipe(optimiser=Adam(eps_inside_root=True), rate=lambda t: 0.1 / (t + 1), steps=4, seed=7),
        Recipe(optimiser=AdamW(), rate=1, steps=2, batch_size=5, reduction="sum", dtype="float64"),
    ],
)
def test_json_gives_the_same_recipe_back(recipe):
    """Guards a field that is written and not read."""
    again = Recipe.from_json(recipe.to_json())
    assert again == recipe
    assert again.rates() == recipe.rates()
    assert again.batches_of(6) == recipe.batches_of(6)


def test_a_recipe_without_its_first_steps_goes_on_as_the_whole():
    """Guards batches drawn anew for a last phase."""
    whole = Recipe(rate=lambda t: 0.1 / (t + 1), steps=7, batch_size=2, seed=1)
    rest = whole.from_step(3, 5)
    assert rest.batches_of(5) == whole.batches_of(5)[3:]
    assert rest.rates() == whole.rates()[3:]


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"rate": 0.1}, "steps"),
        ({"rate": 0.1, "steps": 2, "batch_size": 0}, "batch_size"),
        ({"rate": [0.1], "steps": 2}, "2 steps, but 1 rates"),
        ({"rate": float("nan"), "steps": 2}, "rate of step 0"),
        ({"rate": 0.1, "batches": [[0], []]}, "step 1 is empty"),
        ({"rate": 0.1, "batches": [[0]], "batch_size": 2}, "not both"),
        ({"rate": 0.1, "batches": [[0]], "steps": 3}, "3 steps, but 1 batches"),
        ({"rate": 0.1, "steps": 2, "clip": 0.0}, "clip"),
        ({"rate": 0.1, "steps": 2, "reduction": "none"}, "reduction"),
        ({"rate": 0.1, "steps": 2, "dtype": "bfloat16"}, "dtype"),
    ],
)
def test_what_is_no_recipe_is_refused_by_name(options, what):
    """Guards an error that appears steps later, or never."""
    with pytest.raises(InvalidRecipe, match=what):
        Recipe(**options)


def test_what_does_not_suit_the_tasks_or_cannot_be_written_is_refused():
    """Guards an index error, and an optimiser that JSON would lose."""
    with pytest.raises(InvalidRecipe, match="step 1 names tasks"):
        Recipe(rate=0.1, batches=[[0], [9]]).batches_of(3)

    class Own(SGD):
        pass

    with pytest.raises(InvalidRecipe, match="Own is your own"):
        Recipe(optimiser=Own(), rate=0.1, steps=1).to_json()
    with pytest.raises(InvalidRecipe, match="not a recipe"):
        Recipe.from_json('{"optimiser": {"name": "LBFGS"}, "rate": 1, "steps": 1}')
