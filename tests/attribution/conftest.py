"""The question that these tests ask: a small network's run, and its own targets."""

import pytest

from metainfl.attribution import Question
from metainfl.training import train
from tests.attribution.recipe import RECIPE
from tests.training.helpers import network


@pytest.fixture(scope="module")
def asked():
    whole = network(tasks=8)
    problem = whole.replaced(tasks=whole.tasks.select(range(6)))
    return Question(train(problem, RECIPE, progress=False), whole.tasks.select([6, 7]))
