"""task-IF (001, Theorem 4.3): influence of a whole task on lam*, exact.

    task-IF(k) = -(outer_reg I + H_total)^{-1} D L_O^k
Estimand: the derivative in the task's weight. Removal: lam* - task-IF(k). Cost: one dense solve for
all tasks (`task_if`), or one CG solve a task without forming H (`task_if_cg`).
"""

from metainfl.methods.claim import Claim
from metainfl.methods.method import Method
from metainfl.solve import CG

CLAIM = Claim(kinds=("task", "group"))

task_if = Method("task-IF", "001, Theorem 4.3", claim=CLAIM)
task_if_cg = Method("task-IF, CG", "001, Theorem 4.3", solver=CG(rtol=1e-14), claim=CLAIM)
