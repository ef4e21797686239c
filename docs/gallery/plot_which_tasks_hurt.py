"""
Which tasks hurt?
=================

Four of sixteen tasks have wrong labels. One run, one pass backwards through it, and the wrong ones should
stand on the harmful side.
"""

import matplotlib.pyplot as plt

import metainfl as mi
from metainfl.data import corrupt, episodes, read_digits
from metainfl.training import SGD, Recipe, train
from metainfl.training.networks import mlp

every = episodes(read_digits(), 24, ways=3, shots=2, queries=5, seed=3)
clean, new = every.select(list(range(16))), every.select(list(range(16, 24)))
spoilt = corrupt(clean, tasks_share=0.25, within=1.0, side="query", seed=0)

problem = mi.Problem(
    mlp((64, 8, 3), seed=0),
    spoilt.tasks,
    mi.Unrolled(steps=2, rate=0.05),
    inner_loss=mi.cross_entropy,
    outer_reg=1e-3,
)
run = train(problem, Recipe(optimiser=SGD(), rate=0.01, steps=30, batch_size=4), progress=False)
scores = run.scores(new, [mi.task(k) for k in range(16)])

# %%
# The mean over eight new tasks: positive means that the task's weight raises their loss.

harm = scores.value.mean(dim=1)
order = harm.argsort(descending=True).tolist()
colours = ["tab:red" if spoilt.task[k] else "tab:grey" for k in order]
plt.figure(figsize=(7, 3))
places = range(len(order))
plt.bar(places, harm[order], color=colours)
plt.xticks(places, order)
plt.xlabel("training task (red: wrong labels)")
plt.ylabel("d loss of new tasks / d weight")
plt.tight_layout()
