"""
Predicted and true removals
===========================

The derivative of a run is exact; a removal is not a small change. Here every removal is done for real.
"""

import matplotlib.pyplot as plt

import metainfl as mi
from metainfl.data import episodes, read_digits
from metainfl.training import SGD, Recipe, train
from metainfl.training.networks import mlp

every = episodes(read_digits(), 13, ways=3, shots=2, queries=4, seed=0)
problem = mi.Problem(
    mlp((64, 8, 3), seed=0),
    every.select(list(range(12))),
    mi.Unrolled(steps=2, rate=0.05),
    inner_loss=mi.cross_entropy,
    outer_reg=1e-3,
)
run = train(problem, Recipe(optimiser=SGD(), rate=0.01, steps=30, batch_size=4), progress=False)
tasks = [mi.task(k) for k in range(12)]
done = run.scores(every.select([12]), tasks, reruns=tasks).reruns

# %%
# On the dotted line prediction and truth agree.

plt.figure(figsize=(4, 4))
plt.plot(done.predicted[:, 0], done.true[:, 0], "o")
ends = [float(done.true.min()), float(done.true.max())]
plt.plot(ends, ends, ":", color="grey")
plt.xlabel("predicted change of the new task's loss")
plt.ylabel("change after training again without the task")
plt.tight_layout()
