"""Recipes: batches by seed, rates, JSON, and what cannot be one."""

import numpy as np
import pytest
import torch

import metainfl as mi
from metainfl.errors import InvalidOption, InvalidRecipe
from metainfl.training import SGD, Adam, AdamW, Recipe, train
from tests.training.helpers import network


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


@pytest.mark.parametrize(
    "rate", [np.float32(0.25), np.float64(0.25), torch.tensor(0.25), np.array(0.25), 0.25]
)
def test_numbers_of_other_libraries_are_numbers(rate):
    """Guards an error about iteration where numpy's or torch's number is given."""
    recipe = Recipe(rate=rate, steps=np.int64(3), batch_size=torch.tensor(2), clip=np.float32(0.5))
    assert recipe == Recipe(rate=0.25, steps=3, batch_size=2, clip=0.5)
    assert Recipe.from_json(recipe.to_json()) == recipe
    assert type(recipe.rate) is float and type(recipe.steps) is int


def test_arrays_and_functions_of_rates():
    want = Recipe(rate=[0.5, 0.25], steps=2)
    for rate in (
        np.array([0.5, 0.25]),
        torch.tensor([0.5, 0.25]),
        lambda t: np.float32(0.5 / (t + 1)),
    ):
        assert Recipe(rate=rate, steps=2) == want
    assert Recipe(rate=1, batches=np.array([[0, 1], [2, 3]])).batches == ((0, 1), (2, 3))
    assert Recipe(rate=1, steps=2, device=torch.device("cpu")) == Recipe(
        rate=1, steps=2, device="cpu"
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"steps": 3.0}, "steps must be a whole number of at least 1, got 3.0"),
        ({"steps": "3"}, "steps must be a whole number"),
        ({"batch_size": 2.5}, "batch_size must be a whole number of at least 1"),
        ({"seed": 1.5}, "seed must be a whole number"),
        ({"seed": 2**70}, "seed must be a whole number of at least -.* and at most"),
        ({"rate": "fast"}, "rate must be a number"),
        ({"rate": None}, "rate must be a number"),
        ({"rate": [0.1, "x", 0.1]}, "the rate of step 1 must be a number"),
        ({"rate": lambda t: None}, "the rate of step 0 must be a number"),
        ({"clip": "no"}, "clip must be a number"),
        ({"device": "foo"}, "device is a name such as 'cpu'"),
        ({"device": 1.5}, "device is a name such as 'cpu'"),
        ({"steps": None, "batches": [0, 1]}, "batches are a list of lists"),
        ({"steps": None, "batches": [[0.5]]}, "a task of step 0 must be a whole number"),
        ({"optimiser": Adam}, r"write Adam\(\)"),
        ({"optimiser": torch.optim.SGD([torch.zeros(1)], lr=1.0)}, "a SGD is no optimiser"),
    ],
)
def test_what_is_no_number_is_told(options, words):
    """Guards a bare TypeError from inside, and a whole number of steps that is none."""
    with pytest.raises(InvalidRecipe, match=words):
        Recipe(**{"rate": 0.1, "steps": 3, **options})


@pytest.mark.parametrize("make", [lambda: SGD("a"), lambda: SGD(dampening=None), lambda: Adam(None),
                                  lambda: Adam(eps="a"), lambda: Adam(weight_decay=1j)])  # fmt: skip
def test_numbers_of_an_optimiser(make):
    """Guards a TypeError from inside of math."""
    with pytest.raises(InvalidRecipe, match=" must be "):
        make()


def test_a_device_that_is_not_here_is_told():
    """Guards torch's own complaint half way through."""
    recipe = Recipe(rate=0.1, steps=1, device="xla")
    with pytest.raises(InvalidRecipe, match="device 'xla'"):
        train(network(), recipe, progress=False)


@pytest.mark.parametrize("keep", [float("nan"), float("inf"), "all", None, [2], 1j])
def test_keep_is_a_number_of_bytes(keep):
    with pytest.raises(InvalidRecipe, match="keep is a number of bytes"):
        train(network(), Recipe(rate=0.1, steps=1), keep=keep, progress=False)


@pytest.mark.parametrize("jobs", [0, 1.0, None])
def test_jobs_are_told(jobs):
    """Guards joblib's own complaint, or none where everything lies in the store."""
    run = train(network(), Recipe(rate=0.1, steps=1), progress=False)
    with pytest.raises(InvalidOption, match="jobs is how many"):
        run.replay_many([mi.task(0)], jobs=jobs)
    with pytest.raises(InvalidOption, match="jobs is how many"):
        run.scores(network().tasks, [mi.task(0)], reruns=1, jobs=jobs)
