"""task-IF with the Hessian of some of the tasks (001, Algorithm 1, line 2): H_S in place of H.

    -H_S^{-1} D L_O^k,   H_S as `metainfl.curvature.Subsampled` has it, outer_reg whole
The paper names random, difficulty-based and uncertainty-based subsets and prints neither formula nor
reweighting; `reweighted=False` is its bare sum, which is biased. Estimand: d lam*/d w_k, exact where S is
all tasks. Sign, scale: those of task-IF. Cost: size/T of a pass over tasks a product. For Direct-IF
(Algorithm 2) and instance-IF give the same curvature: `metainfl.direct_if(problem, perturbations,
curvature=Subsampled(20))`.
"""

from metainfl.curvature import By, Subsampled
from metainfl.methods.claim import Claim
from metainfl.methods.method import Method


def task_if_subsampled(
    size: int, *, by: By = "uniform", reweighted: bool = True, seed: int = 0
) -> Method:
    """The method with that subset; the arguments are those of `metainfl.curvature.Subsampled`."""
    return Method(
        f"task-IF, {size} tasks by {by}{'' if reweighted else ', bare'}",
        "001, Algorithm 1, line 2",
        curvature=Subsampled(size, by, reweighted, seed),
        claim=Claim(accuracy="rank", kinds=("task", "group")),
    )
