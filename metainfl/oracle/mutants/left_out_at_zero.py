"""Right where outer_reg is above 0: a regulariser of 0 taken for one that was left out.

No other check sees them.
"""

import torch

from metainfl.oracle.mutants.parts import truth
from metainfl.oracle.mutants.registry import mutant


@mutant("an outer_reg of 0 read as unset, and a default put in its place")
def regulariser_of_zero_is_unset(problem, pis):
    unset = isinstance(problem.outer_reg, float) and not problem.outer_reg
    return truth(problem.replaced(outer_reg=0.01) if unset else problem, pis)


@mutant("the regulariser inverted for a Woodbury solve: nothing where it is 0", kinds=("task",),
        families=("single_ridge",))  # fmt: skip
def divides_by_the_regulariser(problem, pis):
    rows = truth(problem, pis)
    ratio = torch.as_tensor(problem.outer_reg).to(rows)
    return torch.where(ratio == 0, torch.zeros_like(rows), rows)
