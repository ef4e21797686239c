"""A rank that ends in the middle of a product; the other says so."""

import os

import torch

from metainfl.errors import RankLost
from metainfl.scale.ranks import ranks
from tests.training.helpers import network

torch.set_num_threads(1)
problem = network(tasks=4)
lam = torch.ones(problem.n_meta, dtype=torch.float64)
with ranks(timeout=30):
    problem.gradient(lam)
    if os.environ["RANK"] == "1":
        os._exit(9)
    try:
        for _ in range(100):
            problem.gradient(lam)
    except RankLost as error:
        print(error, flush=True)
        os._exit(3)
