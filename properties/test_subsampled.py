"""The Hessian of some tasks, over all subsets of a size: its mean is the Hessian of all of them.

Each is compared in the 2-norm with the reference's. What rounding may cost is that of the summands, which are
not smaller where they cancel: 16 p eps cond(inner) times sum_i w_i |H_i| + |outer_reg|.
"""

from itertools import combinations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from metainfl.curvature import Subsampled
from metainfl.curvature.chances import chances
from properties.draw import questions
from properties.question import EPS


@given(q=questions(kinds=("task",)), share=st.floats(0, 1))
def test_the_mean_over_subsets_is_the_hessian(q, share):
    """Guards a factor by another number of tasks, weights left out, and a regulariser that is scaled."""
    family, at = q.case.family, q.case.solution
    n = family.episodes.n_tasks
    size = 1 + round(share * (n - 1))
    c, p = Subsampled(size), chances(q.problem, "uniform")
    subsets = [torch.tensor(s) for s in combinations(range(n), size)]
    mean = np.mean([c.of(q.problem, s, p).dense().numpy() for s in subsets], axis=0)
    parts = [
        w * np.linalg.norm(family.task(k, at.lam, at.weights).hessian(), 2)
        for k, w in enumerate(at.weights.task)
    ]
    scale = sum(parts) + float(np.max(family.d_out))
    rounding = 16 * family.n_meta * EPS * q.case.inner_condition * scale
    assert np.linalg.norm(mean - at.hessian, 2) <= rounding, (q, size)
