"""A rank that ends in the middle of a training run; the other says so, and has the run so far."""

import os

import torch

from metainfl.errors import RankLost
from metainfl.scale.ranks import ranks
from metainfl.training import Recipe, train
from tests.training.helpers import network


def leave(done, steps, loss, state):
    """Rank 1 is gone after twenty steps."""
    if done == 20 and os.environ["RANK"] == "1":
        os._exit(9)


torch.set_num_threads(1)
problem, recipe = network(tasks=4), Recipe(rate=0.02, steps=40)
run = None
try:
    with ranks(timeout=30):
        train(problem, recipe, progress=leave)
except RankLost as error:
    run = error.result
    print(error, flush=True)
done = run.done
gap = (run.resume(progress=False).lam - train(problem, recipe, progress=False).lam).abs().max()
print(f"goes on from step {done} to {run.done}: {bool(gap < 1e-12)}", flush=True)
os._exit(3)
