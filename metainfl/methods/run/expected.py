"""Expected influence (003, section 3.2 after eq. 6, and Remark 1): the mean of an estimate over retrainings.

    mean_r value_r[pi, t],    error = sd_r / sqrt(R)        over runs r from R seeds (or starts)
Estimand: E over seeds of what the method estimates on one run: by default the exact derivative of the run
(`Run.scores`), so E d L_t(lam_S)/d pi. The error is that of the mean, Student's with R - 1 degrees. Sign,
scale: the method's; negative = helped for those of `metainfl.methods.run`. Cost: R runs, R times the method.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from metainfl.errors import InvalidOption
from metainfl.problem.perturbation import Perturbation
from metainfl.problem.tasks import Tasks
from metainfl.training.run import Run

OnRun = Callable[[Run, Sequence[Perturbation], Tasks], Tensor]


@dataclass(frozen=True, eq=False)
class Expected:
    """Mean (n, m), its standard error (n, m), and how many runs it is over."""

    value: Tensor
    error: Tensor
    runs: int


def exactly(run: Run, perturbations: Sequence[Perturbation], targets: Tasks) -> Tensor:
    """d L_t(lam_S)/d pi by the adjoint (n, m)."""
    return run.scores(targets, perturbations).value


def expected(
    runs: Sequence[Run],
    perturbations: Sequence[Perturbation],
    targets: Tasks,
    *,
    method: OnRun = exactly,
) -> Expected:
    """The mean over runs: `run.over_seeds(range(10))` makes them."""
    if len(runs) < 2:
        raise InvalidOption("an expectation over retrainings needs two runs or more, for its error")
    values = torch.stack([method(run, perturbations, targets) for run in runs])
    return Expected(values.mean(0), values.std(0) / len(runs) ** 0.5, len(runs))
