"""Rank 1's clock runs ten thousand times as fast: what hangs on time must still be the same on every rank."""

import os
import time

import torch

from metainfl import games
from metainfl.attribution import Question, attribute
from metainfl.methods.game import shapley_permutations
from metainfl.oracle.own.budget import Budget
from metainfl.scale.ranks import ranks
from metainfl.training import Recipe, train
from tests.training.helpers import network

FAST = 1e4 if os.environ["RANK"] == "1" else 1.0


def faster(clock):
    began = clock()
    return lambda: began + FAST * (clock() - began)


torch.set_num_threads(1)
problem = network(tasks=5)
time.monotonic, time.perf_counter = faster(time.monotonic), faster(time.perf_counter)
with ranks(timeout=60):
    run = train(problem, Recipe(rate=0.02, steps=4, batch_size=3), progress=False)
    targets = problem.tasks.select([0])
    found = attribute(Question(run, targets), reruns=3, minutes=5.0)
    assert found.confirmation is not None
    print("reruns", len(found.confirmation.tasks))
    stop = games.Stop(seconds=300.0, calls=30)
    print(shapley_permutations(games.replayed(run, targets), stop=stop, seed=0).stopped)
    budget = Budget(5.0)
    time.sleep(0.5)
    print("left", budget.has_time, f"{budget.spent:.1f}")
