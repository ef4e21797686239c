"""
Harmful and helpful images
==========================

Query images of the training tasks, by what their weight does to a new task.
"""

import matplotlib.pyplot as plt

import metainfl as mi
from metainfl.data import episodes, read_digits
from metainfl.training import SGD, Recipe, train
from metainfl.training.networks import mlp

every = episodes(read_digits(), 13, ways=3, shots=2, queries=4, seed=0)
training = every.select(list(range(12)))
problem = mi.Problem(
    mlp((64, 8, 3), seed=0),
    training,
    mi.Unrolled(steps=2, rate=0.05),
    inner_loss=mi.cross_entropy,
    outer_reg=1e-3,
)
run = train(problem, Recipe(optimiser=SGD(), rate=0.01, steps=30, batch_size=4), progress=False)
images = [mi.query(k, j) for k in range(12) for j in range(12)]
harm = run.scores(every.select([12]), images).value[:, 0]

# %%
# Above the five that hurt most, below the five that help most.

order = harm.argsort(descending=True).tolist()
figure, axes = plt.subplots(2, 5, figsize=(6, 3))
for ax, i in zip(axes.flat, [*order[:5], *order[:-6:-1]], strict=True):
    p = images[i]
    ax.imshow(training.query_x[p.task, p.instance].reshape(8, 8), cmap="gray_r")
    ax.set_title(f"{harm[i]:+.3f}", fontsize=9)
    ax.axis("off")
figure.tight_layout()
