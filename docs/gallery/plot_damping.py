"""
What damping costs
==================

252 tasks of real digits whose exact influences are known: the error of task-IF against the damping that is
added to the Hessian.
"""

import matplotlib.pyplot as plt
import numpy as np

import metainfl as mi
from metainfl.oracle import digits_case

case = digits_case(components=4)
problem = case.problem()
tasks = [mi.task(k) for k in range(0, 252, 7)]
truth = case.truth("derivative", tasks)
low, high = np.linalg.eigvalsh(case.solution.hessian)[[0, -1]]

damping = np.geomspace(1e-4 * low, 1e2 * high, 25)
errors = []
for d in damping:
    got = mi.influence(problem, tasks, damping=float(d)).value.numpy()
    errors.append(np.linalg.norm(got - truth) / np.linalg.norm(truth))

# %%
# Between the dotted lines lie the eigenvalues of the Hessian: left of them damping is harmless, right of them
# what is left is a gradient dot product.

plt.figure(figsize=(6, 3.5))
plt.loglog(damping, errors)
for value in (low, high):
    plt.axvline(value, ls=":", color="grey")
plt.xlabel("damping")
plt.ylabel("relative error of d lam*/d weight")
plt.tight_layout()
